#include "h2_head_out.h"

#include <charconv>

#include "h1_chars.h"
#include "h1_trailers.h"

namespace weir::codec {
namespace {

using Kind = http::BodyLength::Kind;
using http::Name;

// nghttp2 declares what it only reads as changeable.
std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

// Nothing that a recipient would have to call malformed (RFC 9113, 8.2.1).
bool writable(const http::Field& field) {
  const bool token =
      field.id != Name::other || (!field.name.empty() && all(Class::token, field.name));
  const std::string_view value = field.value;
  const char* const end = value.data() + value.size();
  if (!token || skip_value(value.data(), end) != end) return false;
  const auto white = [](char byte) { return byte == ' ' || byte == '\t'; };
  return value.empty() || !(white(value.front()) || white(value.back()));
}

// Whether a field is never copied: of the connection, or made from the head's other members.
bool ends_here(Name name) {
  switch (name) {
    case Name::connection:
    case Name::content_length:
    case Name::host:
    case Name::http2_settings:
    case Name::keep_alive:
    case Name::proxy_connection:
    case Name::te:
    case Name::transfer_encoding:
    case Name::upgrade: return true;
    default: return false;
  }
}

// Values that hardly ever come twice would push out of HPACK's 4 KiB what does come again, and cost
// an insertion at both ends. Not `authorization`, which nghttp2 never indexes by itself, nor
// `date`, which is the same for a second of responses.
bool unlike_the_next(Name name) {
  switch (name) {
    case Name::b3:
    case Name::grpc_timeout:
    case Name::idempotency_key:
    case Name::server_timing:
    case Name::traceparent:
    case Name::tracestate:
    case Name::weir_budget_ms:
    case Name::x_envoy_expected_rq_timeout_ms:
    case Name::x_forwarded_for:
    case Name::x_request_id: return true;
    default: return false;
  }
}

bool expects_content(http::Method method) {
  return method == http::Method::post || method == http::Method::put ||
         method == http::Method::patch;
}

bool accepts_trailers(const http::Fields& fields) {
  if (!fields.contains(Name::te)) return false;
  bool found = false;
  fields.for_each([&found](const http::Field& field) {
    if (field.id == Name::te && http::list_contains(field.value, "trailers")) found = true;
  });
  return found;
}

}  // namespace

void H2HeadOut::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  fields_.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), flags});
}

void H2HeadOut::add_field(const http::Field& field) {
  if (!writable(field)) return;
  add(field.name, field.value,
      unlike_the_next(field.id) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
}

void H2HeadOut::add_length(std::uint64_t bytes) {
  const auto written = std::to_chars(digits_.data(), digits_.data() + digits_.size(), bytes);
  add("content-length", {digits_.data(), written.ptr});
}

std::span<const nghttp2_nv> H2HeadOut::request(const http::RequestHead& head) {
  fields_.clear();
  const bool upgrades = !head.upgrade.empty();
  const bool tunnel = head.method == http::Method::connect;
  add(":method", upgrades ? std::string_view{"CONNECT"} : head.method_text);
  if (upgrades) add(":protocol", head.upgrade);
  if (!tunnel) {
    add(":scheme", head.scheme.empty() ? std::string_view{"http"} : head.scheme);
    add(":path", head.target.empty() ? std::string_view{"/"} : head.target);
  }
  if (!head.authority.empty()) add(":authority", head.authority);
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    if (ends_here(field.id)) continue;
    if (upgrades && http::equal_without_case(field.name, "sec-websocket-key")) continue;
    add_field(field);
  }
  if (accepts_trailers(head.fields)) add("te", "trailers");
  if (head.body.kind == Kind::known) add_length(head.body.bytes);
  if (head.body.empty() && !upgrades && expects_content(head.method)) add_length(0);
  return fields_;
}

std::span<const nghttp2_nv> H2HeadOut::response(const http::ResponseHead& head,
                                                http::Method request) {
  fields_.clear();
  const bool switches = head.status == 101;
  const auto status = static_cast<unsigned>(switches ? 200 : head.status);
  const auto written = std::to_chars(status_.data(), status_.data() + status_.size(), status);
  add(":status", {status_.data(), written.ptr});
  const bool describes_absent =
      head.status == 304 || (request == http::Method::head && !head.informational());
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    if (field.id == Name::content_length && describes_absent && head.body.empty()) {
      add_field(field);
      continue;
    }
    if (ends_here(field.id)) continue;
    if (switches && http::equal_without_case(field.name, "sec-websocket-accept")) continue;
    add_field(field);
  }
  if (head.body.kind == Kind::known && !head.informational() && head.status != 204) {
    add_length(head.body.bytes);
  }
  return fields_;
}

std::span<const nghttp2_nv> H2HeadOut::trailers(const http::Fields& fields) {
  fields_.clear();
  for (std::size_t index = 0; index < fields.size(); ++index) {
    const http::Field field = fields[index];
    if (trailer_rule(field) == TrailerRule::keep) add_field(field);
  }
  return fields_;
}

}  // namespace weir::codec
