#include "net/http_request.h"

#include <algorithm>
#include <charconv>

namespace weir::net {
namespace {

constexpr int bad_request = 400;

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string in_small_letters(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), small);
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.contains(c);
}

bool token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, token_character);
}

bool visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool text_without_controls(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
}

// "GET /path?query HTTP/1.1"; 0 when it is well-formed.
int read_request_line(std::string_view line, HttpHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad_request;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!token(method) || !target.starts_with('/') || !visible(target)) return bad_request;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  head.keep_alive = version == "HTTP/1.1";
  head.request.method = method;
  const auto question = target.find('?');
  head.request.path = target.substr(0, question);
  if (question != std::string_view::npos) head.request.query = target.substr(question + 1);
  return 0;
}

int read_field(std::string_view line, HttpRequest& request) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !token(line.substr(0, colon))) return bad_request;
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!text_without_controls(value)) return bad_request;
  request.fields.push_back(
      {.name = in_small_letters(line.substr(0, colon)), .value = std::string{value}});
  return 0;
}

int read_framing(HttpHead& head) {
  const HttpRequest& request = head.request;
  if (!request.field("transfer-encoding").empty()) return 501;
  const auto named = [](std::string_view name) {
    return [name](const HttpField& field) { return field.name == name; };
  };
  const auto lengths = std::ranges::count_if(request.fields, named("content-length"));
  if (lengths > 1) return bad_request;
  if (lengths == 1) {
    const std::string_view text = request.field("content-length");
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, head.body_length);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return bad_request;
  }
  const std::string connection = in_small_letters(request.field("connection"));
  if (connection.contains("close")) head.keep_alive = false;
  return 0;
}

}  // namespace

std::string_view HttpRequest::field(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, &HttpField::name);
  return found == fields.end() ? std::string_view{} : std::string_view{found->value};
}

std::variant<HttpHead, int> read_http_head(std::string_view text) {
  HttpHead head;
  auto end = text.find("\r\n");
  if (const int status = read_request_line(text.substr(0, end), head); status != 0) return status;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 2);
    end = text.find("\r\n");
    if (const int status = read_field(text.substr(0, end), head.request); status != 0) {
      return status;
    }
  }
  if (const int status = read_framing(head); status != 0) return status;
  return head;
}

std::string_view http_reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 422: return "Unprocessable Content";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace weir::net
