-- Late parcels
-- Will this parcel come late?
SELECT
    p_id,
    p_received > p_promised AS late,
    p_weight,
    p_price,
    c_name AS carrier,
    p_note,
    p_ordered,
    p_promised
FROM parcel
JOIN carrier ON c_id = p_carrier
