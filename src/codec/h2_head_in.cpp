#include "h2_head_in.h"

#include "h1_chars.h"
#include "h1_start_line.h"
#include "h1_trailers.h"
#include "weir/http/upgrade.h"

namespace weir::codec {
namespace {

// As for HTTP/1 (h1_field_section.cpp).
constexpr std::size_t longest_name = 256;
// What HPACK counts for a field beside its text.
constexpr std::size_t entry_overhead = 32;

bool printable(std::string_view value) {
  const char* const end = value.data() + value.size();
  return skip_value(value.data(), end) == end;
}

// RFC 9113, 8.2.2.
bool connection_specific(http::Name name) {
  switch (name) {
    case http::Name::connection:
    case http::Name::keep_alive:
    case http::Name::proxy_connection:
    case http::Name::transfer_encoding:
    case http::Name::upgrade: return true;
    default: return false;
  }
}

}  // namespace

void H2HeadIn::answer(H1Error error) {
  if (fine()) verdict_ = {H2Verdict::Kind::answered, error, name_of(error)};
}

// A block that is malformed as well as too large is malformed.
void H2HeadIn::malformed(std::string_view reason) {
  if (verdict_.kind != H2Verdict::Kind::malformed) {
    verdict_ = {H2Verdict::Kind::malformed, {}, reason};
  }
}

void H2HeadIn::begin(Part part) {
  part_ = part;
  verdict_ = {};
  bytes_ = 0;
  count_ = 0;
  framing_ = {};
  host_.clear();
  cookie_.clear();
  switch (part) {
    case Part::request: request_.clear(); break;
    case Part::response: response_.clear(); break;
    case Part::trailers: trailers_.clear(); break;
  }
}

void H2HeadIn::take(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + entry_overhead;
  if (bytes_ > limits_.head_bytes) return answer(H1Error::head_too_large);
  if (name.starts_with(':')) return take_pseudo(name, value);
  if (++count_ > limits_.field_count) return answer(H1Error::too_many_fields);
  if (name.empty() || !all(Class::lower_token, name)) return malformed("bad_field_name");
  if (!printable(value)) return malformed("bad_field_value");
  if (name.size() > longest_name) return answer(H1Error::field_name_too_long);
  take_field({name, value, http::parse_name(name)});
}

// nghttp2 has seen to it that each comes once, before all fields, and is known.
void H2HeadIn::take_pseudo(std::string_view name, std::string_view value) {
  if (!printable(value)) return malformed("bad_pseudo_field");
  if (part_ == Part::response && name == ":status") {
    const bool digits = value.size() == 3 && all(Class::digit, value);
    if (!digits || value.front() < '1' || value.front() > '5') return malformed("bad_status");
    response_.status = static_cast<std::uint16_t>((value[0] - '0') * 100 + (value[1] - '0') * 10 +
                                                  (value[2] - '0'));
    return;
  }
  if (part_ != Part::request) return malformed("bad_pseudo_field");
  if (name == ":method") {
    if (value.empty() || !all(Class::token, value)) return malformed("bad_method");
    if (value.size() > longest_method) return answer(H1Error::method_too_long);
    request_.method_text.assign(value);
    request_.method = http::parse_method(value);
  } else if (name == ":scheme") {
    assign_lower(request_.scheme, value);
  } else if (name == ":authority") {
    if (!valid_authority(value)) return answer(H1Error::bad_host);
    assign_lower(request_.authority, value);
  } else if (name == ":path") {
    if (value.size() > limits_.target_bytes) return answer(H1Error::target_too_long);
    request_.target.assign(value);
  } else if (name == ":protocol") {
    const bool sound = !value.empty() && all(Class::token, value) && !http::carries_http(value);
    if (!sound) return malformed("bad_pseudo_field");
    assign_lower(request_.upgrade, value);
  } else {
    malformed("bad_pseudo_field");
  }
}

void H2HeadIn::take_field(const http::Field& field) {
  if (connection_specific(field.id)) return malformed("connection_field");
  if (part_ == Part::trailers) return take_trailer(field);
  switch (field.id) {
    case http::Name::te:
      if (!http::equal_without_case(field.value, "trailers")) return malformed("connection_field");
      break;
    case http::Name::content_length: return take_length(field.value);
    default: break;
  }
  if (part_ == Part::request) return take_request_field(field);
  response_.fields.add_lower(field);
}

void H2HeadIn::take_request_field(const http::Field& field) {
  switch (field.id) {
    case http::Name::host: return take_host(field.value);
    case http::Name::cookie:
      // RFC 9113, 8.2.3: crumbs, which HTTP/1 does not know.
      if (!cookie_.empty()) cookie_.append("; ");
      cookie_.append(field.value);
      return;
    case http::Name::expect:
      if (!http::equal_without_case(field.value, "100-continue")) {
        return answer(H1Error::unknown_expectation);
      }
      request_.expects_continue = true;
      break;
    default: break;
  }
  request_.fields.add_lower(field);
}

void H2HeadIn::take_trailer(const http::Field& field) {
  switch (trailer_rule(field)) {
    case TrailerRule::keep: return trailers_.add_lower(field);
    case TrailerRule::drop: return;
    case TrailerRule::refuse: return malformed("forbidden_trailer");
  }
}

// A response keeps it here; finish_response() removes it where it describes a body.
void H2HeadIn::take_length(std::string_view value) {
  if (const auto error = framing_.take_content_length(value)) return malformed(name_of(*error));
  if (part_ == Part::response) response_.fields.add(http::Name::content_length, value);
}

void H2HeadIn::take_host(std::string_view value) {
  if (!host_.empty()) return answer(H1Error::several_hosts);
  if (!valid_authority(value)) return answer(H1Error::bad_host);
  assign_lower(host_, value);
}

H2Verdict H2HeadIn::finish_request(Ending ending) {
  if (!fine()) return verdict_;
  request_.version = http::Version::http_2;
  if (request_.method_text.empty()) malformed("bad_pseudo_field");
  finish_authority();
  if (request_.method == http::Method::connect) {
    finish_connect(ending);
  } else {
    if (!request_.upgrade.empty()) malformed("bad_pseudo_field");
    finish_target();
    request_.body = ending == Ending::ends ? http::BodyLength::none()
                                           : framing_.body(http::BodyLength::chunked());
  }
  if (ending == Ending::ends && framing_.announces_body()) malformed("cut_off");
  if (request_.body.empty()) request_.expects_continue = false;
  if (!cookie_.empty()) request_.fields.add(http::Name::cookie, cookie_);
  return verdict_;
}

void H2HeadIn::finish_authority() {
  if (request_.authority.empty()) {
    if (host_.empty()) return answer(H1Error::missing_host);
    request_.authority.swap(host_);
  } else if (!host_.empty() && host_ != request_.authority) {
    answer(H1Error::host_differs_from_target);
  }
}

// RFC 9113, 8.5 and RFC 8441, 4. The stream stays open for the tunnel, whatever its body.
void H2HeadIn::finish_connect(Ending ending) {
  if (framing_.kind() != H1Framing::Kind::absent) answer(H1Error::body_not_allowed);
  request_.body = http::BodyLength::none();
  if (request_.upgrade.empty()) {
    request_.scheme.clear();
    request_.target.clear();
    if (host_size(request_.authority) == request_.authority.size()) answer(H1Error::bad_target);
    return;
  }
  if (ending == Ending::ends) malformed("cut_off");
  request_.method = http::Method::get;
  request_.method_text = "GET";
  finish_target();
}

void H2HeadIn::finish_target() {
  if (request_.scheme != "http" && request_.scheme != "https") return answer(H1Error::bad_target);
  const std::string_view target = request_.target;
  const bool asterisk = target == "*" && request_.method == http::Method::options;
  if (!asterisk && (!target.starts_with('/') || !valid_target(target))) {
    answer(H1Error::bad_target);
  }
}

// RFC 9110, 6.4.1 and 9.3.6.
bool H2HeadIn::has_no_body(http::Method request) const {
  return response_.informational() || response_.status == 204 || response_.status == 304 ||
         request == http::Method::head ||
         (request == http::Method::connect && response_.status < 300);
}

H2Verdict H2HeadIn::finish_response(Ending ending, http::Method request) {
  if (!fine()) return verdict_;
  response_.version = http::Version::http_2;
  if (response_.status == 0) malformed("bad_status");
  const bool describes_absent =
      response_.status == 304 || (request == http::Method::head && response_.status >= 200);
  if (has_no_body(request)) {
    if (!describes_absent && framing_.announces_body()) malformed("body_not_allowed");
  } else if (ending == Ending::open) {
    response_.body = framing_.body(http::BodyLength::chunked());
  } else if (framing_.announces_body()) {
    malformed("cut_off");
  }
  if (!describes_absent) response_.fields.remove(http::Name::content_length);
  return verdict_;
}

H2Verdict H2HeadIn::finish_trailers() {
  // Nothing can be answered any more.
  if (verdict_.kind == H2Verdict::Kind::answered) malformed(name_of(H1Error::trailers_too_large));
  return verdict_;
}

}  // namespace weir::codec
