#include "h1_field_section.h"
#include "h1_start_line.h"
#include "weir/codec/h1_head.h"

namespace weir::codec {

ResponseHeadParser::ResponseHeadParser(http::ResponseHead& head, H1Limits limits)
    : head_(head), limits_(limits) {
  head_.clear();
}

void ResponseHeadParser::reset(http::Method request) {
  head_.clear();
  progress_ = {};
  framing_ = {};
  connection_ = {};
  request_ = request;
}

std::expected<std::size_t, H1Error> ResponseHeadParser::parse(std::span<const char> buffered) {
  if (!progress_.in_fields) {
    if (const auto error = parse_start(buffered)) return std::unexpected{*error};
    if (!progress_.in_fields) return 0;
  }
  const auto size = parse_field_section(buffered, limits_, progress_,
                                        [this](const http::Field& field) { return take(field); });
  if (!size || *size == 0) return size;
  if (const auto error = finish()) return std::unexpected{*error};
  return size;
}

std::optional<H1Error> ResponseHeadParser::parse_start(std::span<const char> buffered) {
  const auto range = buffered.first(std::min(buffered.size(), limits_.head_bytes));
  const auto exhausted = [&]() -> std::optional<H1Error> {
    if (range.size() < limits_.head_bytes) return std::nullopt;
    return H1Error::head_too_large;
  };
  if (still_incomplete(progress_, range)) return exhausted();
  const StatusLine line = parse_status_line(range.data(), range.data() + range.size());
  if (line.kind == LineKind::refused) return line.error;
  if (line.kind == LineKind::incomplete) {
    progress_.searched = range.size();
    return exhausted();
  }
  head_.status = line.status;
  head_.reason.assign(line.reason);
  head_.version = line.version;
  progress_.line = static_cast<std::size_t>(line.next - range.data());
  progress_.in_fields = true;
  return std::nullopt;
}

std::optional<H1Error> ResponseHeadParser::take(const http::Field& field) {
  switch (field.id) {
    case http::Name::content_length: {
      const auto error = framing_.take_content_length(field.value);
      if (error || !describes_absent_body()) return error;
      break;
    }
    case http::Name::transfer_encoding:
      return framing_.take_transfer_encoding(field.value, head_.version);
    case http::Name::connection:
      if (const auto error = connection_.take(field.value)) return error;
      break;
    default: break;
  }
  head_.fields.add(field.id, field.name, field.value);
  return std::nullopt;
}

// Framing fields tell what a GET would have got (RFC 9112, 6.1; RFC 9110, 8.6).
bool ResponseHeadParser::describes_absent_body() const {
  if (never_has_body()) return false;
  return request_ == http::Method::head || head_.status == 304;
}

// RFC 9112, 6.3; a tunnel follows a CONNECT that succeeded.
bool ResponseHeadParser::never_has_body() const {
  return head_.informational() || head_.status == 204 ||
         (request_ == http::Method::connect && head_.status < 300);
}

std::optional<H1Error> ResponseHeadParser::finish() {
  head_.keep_alive = connection_.keep_alive(head_.version);
  if (never_has_body()) {
    if (framing_.announces_body()) return H1Error::body_not_allowed;
    return std::nullopt;
  }
  if (describes_absent_body()) return std::nullopt;
  head_.body = framing_.body(http::BodyLength::until_close());
  if (head_.body.kind == http::BodyLength::Kind::until_close) head_.keep_alive = false;
  return std::nullopt;
}

}  // namespace weir::codec
