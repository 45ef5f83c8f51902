// By what an outbound call was recognised as caused by an inbound request; coverage is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::telemetry {

enum class CauseSource : std::uint8_t {
  none,
  exact,       // our own id in tracestate
  span,        // the application copied the trace headers as they came
  request_id,  // x-request-id
  trace,       // the trace id alone
  off          // nobody asked: `correlate: off`, or callers that are not believed
};
inline constexpr std::size_t cause_source_count = static_cast<std::size_t>(CauseSource::off) + 1;

constexpr std::string_view name_of(CauseSource source) {
  switch (source) {
    case CauseSource::none: return "none";
    case CauseSource::exact: return "exact";
    case CauseSource::span: return "span";
    case CauseSource::request_id: return "request_id";
    case CauseSource::trace: return "trace";
    case CauseSource::off: return "off";
  }
  return "none";
}

}  // namespace weir::telemetry
