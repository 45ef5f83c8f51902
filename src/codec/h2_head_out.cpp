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

// Never copied: of the connection, or made from the head's other members.
constexpr http::NameSet end_here{
    Name::connection, Name::content_length,   Name::host, Name::http2_settings,
    Name::keep_alive, Name::proxy_connection, Name::te,   Name::transfer_encoding,
    Name::upgrade,
};

// Values that hardly ever come twice would push out of HPACK's 4 KiB what does come again, and cost
// an insertion at both ends. So one of each is inserted now and then, and others refer to its name
// for as long as it is there. Not `authorization`, which nghttp2 never indexes by itself, nor
// `date`, which is the same for a second of responses.
constexpr http::NameSet unlike_the_next{
    Name::b3,
    Name::grpc_timeout,
    Name::idempotency_key,
    Name::server_timing,
    Name::traceparent,
    Name::tracestate,
    Name::weir_budget_ms,
    Name::weir_failover_ms,
    Name::x_envoy_expected_rq_timeout_ms,
    Name::x_forwarded_for,
    Name::x_request_id,
};

// In place of one that has been pushed out meanwhile.
constexpr std::size_t heads_in_table = 256;
// Pseudo-fields, `te` and `content-length`.
constexpr std::size_t beside_fields = 8;

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

void H2HeadOut::begin(const http::Fields& fields) {
  count_ = 0;
  const std::size_t most = fields.size() + beside_fields;
  if (fields_.size() < most) fields_.resize(most);
  if (++heads_ % heads_in_table == 0) named_ = {};
}

void H2HeadOut::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  fields_[count_++] = {bytes_of(name), bytes_of(value), name.size(), value.size(), flags};
}

void H2HeadOut::add_known(std::string_view name, std::string_view value, std::uint8_t flags) {
  add(name, value, static_cast<std::uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME));
}

void H2HeadOut::add_field(const http::Field& field) {
  if (!writable(field)) return;
  if (field.id == Name::other) return add(field.name, field.value, NGHTTP2_NV_FLAG_NONE);
  const bool value_alone = unlike_the_next.contains(field.id) && named_.contains(field.id);
  named_.add(field.id);
  add_known(name_of(field.id), field.value,
            value_alone ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
}

void H2HeadOut::add_length(std::uint64_t bytes) {
  const auto written = std::to_chars(digits_.data(), digits_.data() + digits_.size(), bytes);
  add_known("content-length", {digits_.data(), written.ptr});
}

std::span<const nghttp2_nv> H2HeadOut::request(const http::RequestHead& head) {
  begin(head.fields);
  const bool upgrades = !head.upgrade.empty();
  const bool tunnel = head.method == http::Method::connect;
  add_known(":method", upgrades ? std::string_view{"CONNECT"} : head.method_text);
  if (upgrades) add_known(":protocol", head.upgrade);
  if (!tunnel) {
    add_known(":scheme", head.scheme.empty() ? std::string_view{"http"} : head.scheme);
    add_known(":path", head.target.empty() ? std::string_view{"/"} : head.target);
  }
  if (!head.authority.empty()) add_known(":authority", head.authority);
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    if (end_here.contains(field.id)) continue;
    if (upgrades && http::equal_without_case(field.name, "sec-websocket-key")) continue;
    add_field(field);
  }
  if (accepts_trailers(head.fields)) add_known("te", "trailers");
  if (head.body.kind == Kind::known) add_length(head.body.bytes);
  if (head.body.empty() && !upgrades && expects_content(head.method)) add_length(0);
  return finished();
}

std::span<const nghttp2_nv> H2HeadOut::response(const http::ResponseHead& head,
                                                http::Method request) {
  begin(head.fields);
  const bool switches = head.status == 101;
  const auto status = static_cast<unsigned>(switches ? 200 : head.status);
  const auto written = std::to_chars(status_.data(), status_.data() + status_.size(), status);
  add_known(":status", {status_.data(), written.ptr});
  const bool describes_absent =
      head.status == 304 || (request == http::Method::head && !head.informational());
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    if (field.id == Name::content_length && describes_absent && head.body.empty()) {
      add_field(field);
      continue;
    }
    if (end_here.contains(field.id)) continue;
    if (switches && http::equal_without_case(field.name, "sec-websocket-accept")) continue;
    add_field(field);
  }
  if (head.body.kind == Kind::known && !head.informational() && head.status != 204) {
    add_length(head.body.bytes);
  }
  return finished();
}

std::span<const nghttp2_nv> H2HeadOut::trailers(const http::Fields& fields) {
  begin(fields);
  for (std::size_t index = 0; index < fields.size(); ++index) {
    const http::Field field = fields[index];
    if (trailer_rule(field) == TrailerRule::keep) add_field(field);
  }
  return finished();
}

}  // namespace weir::codec
