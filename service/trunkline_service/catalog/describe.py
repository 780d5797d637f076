"""Models as the contract has them: what the provider tells, and what the catalogue knows beside that."""

from __future__ import annotations

from datetime import UTC, date, datetime

from google.protobuf import timestamp_pb2

from trunkline.v1 import model_service_pb2
from trunkline.v1.model_service_pb2 import Model
from trunkline_service.catalog.facts import ModelFacts, Prices

_CATALOG = model_service_pb2.FACT_SOURCE_CATALOG
_PROVIDER = model_service_pb2.FACT_SOURCE_PROVIDER
_CONFIGURATION = model_service_pb2.FACT_SOURCE_CONFIGURATION
_LIFECYCLES = {
    "active": model_service_pb2.MODEL_LIFECYCLE_ACTIVE,
    "deprecated": model_service_pb2.MODEL_LIFECYCLE_DEPRECATED,
    "retired": model_service_pb2.MODEL_LIFECYCLE_RETIRED,
}


def describe(
    provider: str, provider_type: str, told: Model | None, facts: ModelFacts | None, now: datetime, *, asked: str = ""
) -> Model:
    """A model with the source of each field. `told` is the provider's own description, and goes before `facts`.

    Without it, `asked` may be what a caller calls the model: that is then its id, of which no source is known unless it
    is one of the catalogue's names.

    Where both know something of what the model can do, `sources` has "capabilities" for the provider's part and
    "capabilities.web_search", for example, for each that is from the catalogue.
    """
    model = Model()
    sources: dict[str, model_service_pb2.FactSource.ValueType] = {}
    if told is not None:
        model.CopyFrom(told)
        sources.update((field.name, _PROVIDER) for field, _ in told.ListFields())
    elif asked:
        model.id = asked
        if facts is not None and asked in (facts.id, *facts.aliases):
            sources["id"] = _CATALOG
    if facts is not None:
        known = _of_facts(facts, now)
        for field, value in known.ListFields():
            if field.name == "id" and model.id:
                continue
            if field.name not in sources and field.name not in ("capabilities", "missing_capabilities"):
                if field.is_repeated:
                    getattr(model, field.name).extend(value)
                elif field.message_type:
                    getattr(model, field.name).CopyFrom(value)
                else:
                    setattr(model, field.name, value)
                sources[field.name] = _CATALOG
        _add_aliases(model, facts, sources)
        _add_capabilities(model, known, sources)
        if told is not None and not told.lifecycle and model.lifecycle == model_service_pb2.MODEL_LIFECYCLE_RETIRED:
            # It is there: another provider may still have what its maker has not.
            model.ClearField("lifecycle")
            sources.pop("lifecycle")
    _let_time_pass(model, sources, now)
    model.provider, model.provider_type = provider, provider_type
    sources["provider"] = sources["provider_type"] = _CONFIGURATION
    for name, source in sources.items():
        model.sources[name] = source
    return model


def _of_facts(facts: ModelFacts, now: datetime) -> Model:
    known = Model(
        id=facts.id,
        display_name=facts.display_name,
        context_window=facts.context_window,
        max_output_tokens=facts.max_output_tokens,
        capabilities=[_capability(word) for word in facts.capabilities],
        missing_capabilities=[_capability(word) for word in facts.missing],
        lifecycle=_LIFECYCLES.get(facts.lifecycle or "", model_service_pb2.MODEL_LIFECYCLE_UNSPECIFIED),
    )
    if facts.retires_at is not None:
        known.retire_time.CopyFrom(_midnight(facts.retires_at))
    if (prices := facts.prices_on(now.date())) is not None:
        known.prices.CopyFrom(prices_message(prices))
    return known


def _add_aliases(model: Model, facts: ModelFacts, sources: dict[str, model_service_pb2.FactSource.ValueType]) -> None:
    names = (facts.id, *facts.aliases)
    # An id that only looks like one of these, with a date of its own, need not be the same model.
    if model.id in names and not model.aliases:
        model.aliases.extend(name for name in names if name != model.id)
        if model.aliases:
            sources["aliases"] = _CATALOG


def _add_capabilities(model: Model, known: Model, sources: dict[str, model_service_pb2.FactSource.ValueType]) -> None:
    told = {*model.capabilities, *model.missing_capabilities}
    for name in ("capabilities", "missing_capabilities"):
        new = [each for each in getattr(known, name) if each not in told]
        if not new:
            continue
        getattr(model, name).extend(new)
        if name not in sources:
            sources[name] = _CATALOG
        else:
            sources.update((f"{name}.{capability_word(each)}", _CATALOG) for each in new)


def _let_time_pass(model: Model, sources: dict[str, model_service_pb2.FactSource.ValueType], now: datetime) -> None:
    """A day of retirement says what has become of a model since the day of the data."""
    if not model.HasField("retire_time") or model.lifecycle == model_service_pb2.MODEL_LIFECYCLE_RETIRED:
        return
    if model.retire_time.ToDatetime(UTC) <= now:
        model.lifecycle = model_service_pb2.MODEL_LIFECYCLE_RETIRED
    elif not model.lifecycle:
        model.lifecycle = model_service_pb2.MODEL_LIFECYCLE_DEPRECATED
    else:
        return
    sources["lifecycle"] = sources["retire_time"]


def prices_message(prices: Prices) -> model_service_pb2.ModelPrices:
    """A price list as the contract has it."""
    result = model_service_pb2.ModelPrices(server_tool_nano_usd=prices.server_tools, as_of=prices.as_of.isoformat())
    for tier in prices.tiers:
        result.tiers.add(
            above_input_tokens=tier.above,
            input_nano_usd=tier.input,
            cache_read_nano_usd=tier.cache_read,
            cache_write_nano_usd_by_ttl=tier.cache_write,
            output_nano_usd=tier.output,
        )
    for modifier in prices.modifiers:
        entry = result.modifiers.add(percent=modifier.percent)
        if modifier.condition == "batch":
            entry.batch = True
        else:
            setattr(entry, modifier.condition, modifier.value)
    return result


def capability_word(capability: model_service_pb2.ModelCapability.ValueType) -> str:
    """A capability in the catalogue's words."""
    return model_service_pb2.ModelCapability.Name(capability).removeprefix("MODEL_CAPABILITY_").lower()


def _capability(word: str) -> model_service_pb2.ModelCapability.ValueType:
    return model_service_pb2.ModelCapability.Value(f"MODEL_CAPABILITY_{word.upper()}")


def _midnight(day: date) -> timestamp_pb2.Timestamp:
    result = timestamp_pb2.Timestamp()
    result.FromDatetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return result
