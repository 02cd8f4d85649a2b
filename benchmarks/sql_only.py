"""TPC-H without its Python answer and its model, for comparisons with what answers SQL only."""

from dataclasses import replace

from tpch_assets import tpch

BUSINESS = replace(tpch.BUSINESS, answers=(), models=())
