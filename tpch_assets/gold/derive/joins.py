"""Brings joins to a few forms: inner ones, LEFT JOINs, and EXISTS."""

from sqlglot import exp

from tpch_assets.gold.derive.tree import NotCut, both, conjuncts, equality, own_clauses


def semi_using_to_on(query: exp.Select) -> None:
    """USING of a SEMI or ANTI JOIN becomes ON, where it is plain what the left side is."""
    for number, join in enumerate(query.args.get("joins") or ()):
        if join.kind.upper() not in ("SEMI", "ANTI") or not join.args.get("using"):
            continue
        if number:
            raise NotCut("it has a SEMI or ANTI JOIN with USING behind another join")
        left, right = query.args["from_"].this.alias_or_name, join.this.alias_or_name
        pairs: list[exp.Expr] = [
            exp.EQ(this=exp.column(name.name, table=left), expression=exp.column(name.name, table=right))
            for name in join.args["using"]
        ]
        join.set("using", None)
        join.set("on", both(pairs))


def semi_joins_to_exists(query: exp.Expr) -> None:
    joins = query.args.get("joins") or []
    kinds = [join.kind.upper() for join in joins]
    if not {"SEMI", "ANTI"}.intersection(kinds):
        return
    if any(join.side.upper() in ("RIGHT", "FULL") for join in joins):
        raise NotCut("it has a SEMI or ANTI JOIN beside a RIGHT or FULL JOIN")
    terms = [query.args["where"].this] if query.args.get("where") else []
    for join, kind in zip(joins, kinds, strict=True):
        if kind not in ("SEMI", "ANTI"):
            continue
        one = exp.alias_(exp.Literal.number(1), "one")
        nested = exp.Select(expressions=[one], from_=exp.From(this=join.this))
        if join.args.get("on"):
            nested.set("where", exp.Where(this=join.args["on"]))
        exists: exp.Expr = exp.Exists(this=nested)
        terms.append(exists if kind == "SEMI" else exp.Not(this=exists))
    query.set("joins", [join for join, kind in zip(joins, kinds, strict=True) if kind not in ("SEMI", "ANTI")])
    query.set("where", exp.Where(this=both(terms)))


def right_to_left(query: exp.Expr) -> None:
    joins = query.args.get("joins") or []
    if not any(join.side.upper() == "RIGHT" for join in joins):
        return
    if len(joins) > 1:
        raise NotCut("it has a RIGHT JOIN among several joins")
    first, join = query.args["from_"].this, joins[0]
    query.set("from_", exp.From(this=join.this))
    query.set("joins", [exp.Join(this=first, side="LEFT", on=join.args.get("on"))])


def merge_using(query: exp.Select) -> None:
    """`coalesce(a.k, b.k)`, which USING has become, is `a.k` where b is not the side that must have rows."""
    joins = query.args.get("joins") or ()
    for join in joins:
        pairs = [pair for pair in map(equality, conjuncts(join.args.get("on"))) if pair]
        for node in own_clauses(query):
            if not isinstance(node, exp.Coalesce) or len(node.expressions) != 1:
                continue
            first, second = node.this, node.expressions[0]
            for left, right in pairs:
                named_alike = left.name.lower() == right.name.lower() and right.table == join.this.alias_or_name
                if named_alike and first == left and second == right:
                    node.replace(first.copy())
