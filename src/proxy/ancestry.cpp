#include "weir/proxy/ancestry.h"

#include <algorithm>

#include "weir/http/trace_state.h"

namespace weir::proxy {
namespace {

using http::Name;
using http::Sampling;
using http::TraceState;

// Lower case only: we wrote it.

std::optional<std::uint64_t> read_hex(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char digit : digits) {
    std::uint64_t value = 0;
    if (digit >= '0' && digit <= '9') {
      value = static_cast<std::uint64_t>(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
      value = static_cast<std::uint64_t>(digit - 'a') + 10;
    } else {
      return std::nullopt;
    }
    number = number << 4U | value;
  }
  return number;
}

char* write_hex(char* into, std::uint64_t number, std::size_t digits) {
  for (std::size_t at = digits; at-- > 0; number >>= 4U)
    into[at] = "0123456789abcdef"[number & 15U];
  return into + digits;
}

std::uint64_t nonzero(Random& random) {
  std::uint64_t number = 0;
  while (number == 0) number = random.next();
  return number;
}

http::TraceContext fresh_trace(Random& random) {
  return {{random.next(), nonzero(random)}, {nonzero(random)}, Sampling::undecided};
}

}  // namespace

std::optional<CauseId> CauseId::parse(std::string_view text) {
  if (text.size() != 40) return std::nullopt;
  const auto place = read_hex(text.substr(0, 8));
  const auto sequence = read_hex(text.substr(8, 16));
  const auto tag = read_hex(text.substr(24, 16));
  if (!place || !sequence || !tag) return std::nullopt;
  return CauseId{static_cast<std::uint32_t>(*place), *sequence, *tag};
}

CauseId::Member CauseId::member() const {
  Member text;
  char* next = std::ranges::copy(key, text.data()).out;
  *next++ = '=';
  next = write_hex(next, place, 8);
  next = write_hex(next, sequence, 16);
  write_hex(next, tag, 16);
  return text;
}

Ancestry read_ancestry(const http::Fields& fields) {
  Ancestry ancestry;
  // An application that lost traceparent on the way may still have kept our entry.
  if (fields.contains(Name::tracestate)) {
    if (const auto state = TraceState::read(fields)) {
      if (const auto entry = state->find(CauseId::key)) ancestry.id = CauseId::parse(*entry);
    }
  }
  if (const auto context = http::read_trace_context(fields)) {
    ancestry.trace = context->trace;
    ancestry.span = context->span;
  }
  ancestry.request_id = fields.find(Name::x_request_id).value_or("");
  return ancestry;
}

Ancestry adopt_ancestry(http::Fields& fields, const policy::Listener& listener, Random& random) {
  std::optional<http::TraceContext> context;
  bool written = false;
  if (listener.trusted) {
    context = http::read_traceparent(fields);
    written = context.has_value();
    if (!context) context = http::read_trace_context(fields);
  } else {
    http::remove_trace_context(fields);
  }
  if (!context) context = fresh_trace(random);
  if (!written) {
    // tracestate belongs to a traceparent; without one it is not to be believed either.
    fields.remove(Name::tracestate);
    if (context->span.empty()) context->span = {nonzero(random)};
    if (context->sampling == Sampling::undecided) {
      context->sampling = random.chance(listener.sampled) ? Sampling::sampled : Sampling::dropped;
    }
    const auto text = http::write_traceparent(*context);
    fields.set(Name::traceparent, {text.data(), text.size()});
  }
  if (!listener.trusted && fields.contains(Name::x_request_id)) {
    const auto text = http::text_of(context->trace);
    fields.set(Name::x_request_id, {text.data(), text.size()});
  }
  return {.trace = context->trace,
          .span = context->span,
          .request_id = fields.find(Name::x_request_id).value_or("")};
}

void write_cause(http::Fields& fields, const CauseId& id) {
  const CauseId::Member member = id.member();
  auto state = TraceState::read(fields).value_or(TraceState{});
  state.put_first({member.data(), member.size()});
  fields.set(Name::tracestate, state.text().view());
}

void remove_cause(http::Fields& fields) {
  if (!fields.contains(Name::tracestate)) return;
  auto state = TraceState::read(fields);
  if (state && !state->remove(CauseId::key)) return;
  if (!state || state->size() == 0) return fields.remove(Name::tracestate);
  fields.set(Name::tracestate, state->text().view());
}

}  // namespace weir::proxy
