#include "weir/codec/h1_writer.h"

#include <array>
#include <cassert>
#include <charconv>

#include "h1_chars.h"
#include "h1_trailers.h"

namespace weir::codec {
namespace {

using Kind = http::BodyLength::Kind;

bool printable(std::string_view value) {
  const char* const end = value.data() + value.size();
  return skip_value(value.data(), end) == end;
}

bool visible(char byte) { return byte > 0x20 && byte < 0x7f; }

// A part of a start line between spaces.
void append_word(std::string_view word, std::string& out) {
  bool clean = true;
  for (const char byte : word) clean = clean && visible(byte);
  assert(clean);
  if (clean) {
    out.append(word);
    return;
  }
  for (const char byte : word) {
    if (visible(byte)) out.push_back(byte);
  }
}

// A name that has a Name was compared with a spelling, so it is a token.
void append_field(const http::Field& field, std::string& out) {
  const bool token =
      field.id != http::Name::other || (!field.name.empty() && all(Class::token, field.name));
  const bool clean = token && printable(field.value);
  assert(clean);
  if (!clean) return;
  out.append(field.name);
  out.append(": ", 2);
  out.append(field.value);
  out.append("\r\n", 2);
}

void append_number(std::uint64_t number, int base, std::string& out) {
  std::array<char, 20> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  out.append(digits.data(), written.ptr);
}

void append_length(std::uint64_t bytes, std::string& out) {
  out.append("Content-Length: ");
  append_number(bytes, 10, out);
  out.append("\r\n", 2);
}

// About what a head of those fields takes, so that `out` grows once.
void reserve(const http::Fields& fields, std::size_t others, std::string& out) {
  constexpr std::size_t name_size = 20;  // of those that have none of their own; most are shorter
  const std::size_t size = fields.text_size() + fields.size() * name_size + others + 128;
  if (out.capacity() - out.size() < size) out.reserve(out.size() + size);
}

bool expects_content(http::Method method) {
  return method == http::Method::post || method == http::Method::put ||
         method == http::Method::patch;
}

// Whether a response without a body still has to say so.
bool needs_zero_length(const http::ResponseHead& head, http::Method request) {
  if (head.informational() || head.status == 204 || head.status == 304) return false;
  if (request == http::Method::head) return false;
  return request != http::Method::connect || head.status >= 300;
}

// Whether the fields may describe a body that is not sent.
bool may_keep_length(const http::ResponseHead& head) {
  return head.body.empty() && !head.informational() && head.status != 204;
}

void append_framing(http::BodyLength body, std::string& out) {
  if (body.kind == Kind::known) append_length(body.bytes, out);
  if (body.kind == Kind::chunked) out.append("Transfer-Encoding: chunked\r\n");
}

void append_connection(const http::ResponseHead& head, std::string& out) {
  const bool upgrade = head.fields.contains(http::Name::upgrade);
  if (upgrade && !head.keep_alive) {
    out.append("Connection: upgrade, close\r\n");
  } else if (upgrade) {
    out.append("Connection: upgrade\r\n");
  } else if (!head.keep_alive) {
    out.append("Connection: close\r\n");
  }
}

}  // namespace

void write_request_head(const http::RequestHead& head, std::string& out) {
  reserve(head.fields, head.target.size() + head.authority.size() * 2 + head.upgrade.size(), out);
  append_word(head.method_text, out);
  out.push_back(' ');
  append_word(head.method == http::Method::connect ? head.authority : head.target, out);
  out.append(" HTTP/1.1\r\nHost: ");
  append_word(head.authority, out);
  out.append("\r\n", 2);
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    const bool ours = field.id == http::Name::host || field.id == http::Name::content_length ||
                      field.id == http::Name::transfer_encoding;
    if (!ours) append_field(field, out);
  }
  if (head.body.empty() && expects_content(head.method)) append_length(0, out);
  append_framing(head.body, out);
  if (!head.upgrade.empty()) {
    out.append("Connection: upgrade\r\n");
    append_field({"Upgrade", head.upgrade, http::Name::upgrade}, out);
  }
  out.append("\r\n", 2);
}

void write_response_head(const http::ResponseHead& head, std::string& out, http::Method request) {
  const std::string_view reason = head.reason.empty() || !printable(head.reason)
                                      ? http::reason_phrase(head.status)
                                      : std::string_view{head.reason};
  reserve(head.fields, reason.size(), out);
  out.append("HTTP/1.1 ");
  append_number(head.status, 10, out);
  out.push_back(' ');
  out.append(reason);
  out.append("\r\n", 2);
  const bool keep_length = may_keep_length(head);
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::Field field = head.fields[index];
    if (field.id == http::Name::transfer_encoding) continue;
    if (field.id == http::Name::content_length && !keep_length) continue;
    append_field(field, out);
  }
  const bool has_length = keep_length && head.fields.contains(http::Name::content_length);
  if (head.body.empty() && !has_length && needs_zero_length(head, request)) append_length(0, out);
  append_framing(head.body, out);
  append_connection(head, out);
  out.append("\r\n", 2);
}

void write_chunk_header(std::uint64_t size, std::string& out) {
  assert(size > 0);
  append_number(size, 16, out);
  out.append("\r\n", 2);
}

void write_last_chunk(const http::Fields* trailers, std::string& out) {
  out.append("0\r\n", 3);
  for (std::size_t index = 0; trailers != nullptr && index < trailers->size(); ++index) {
    const http::Field field = (*trailers)[index];
    if (trailer_rule(field) == TrailerRule::keep) append_field(field, out);
  }
  out.append("\r\n", 2);
}

}  // namespace weir::codec
