#include "weir/codec/h1_error.h"

#include <array>

namespace weir::codec {
namespace {

struct Reason {
  H1Error error;
  std::string_view name;
  std::uint16_t status;
  std::string_view text;
};

constexpr std::array<Reason, h1_error_count> reasons{{
    {H1Error::bad_method, "bad_method", 400, "the method is not a token"},
    {H1Error::method_too_long, "method_too_long", 501, "the method is longer than any known one"},
    {H1Error::bad_target, "bad_target", 400, "the request target is malformed"},
    {H1Error::target_too_long, "target_too_long", 414, "the request target is too long"},
    {H1Error::bad_version, "bad_version", 400, "the start line does not name an HTTP version"},
    {H1Error::unsupported_version, "unsupported_version", 505,
     "the HTTP version is neither 1.0 nor 1.1"},
    {H1Error::bad_status, "bad_status", 400, "the status line is malformed"},
    {H1Error::bare_cr, "bare_cr", 400, "a carriage return without a line feed"},
    {H1Error::bare_lf, "bare_lf", 400, "a line feed without a carriage return"},
    {H1Error::folded_line, "folded_line", 400, "a line begins with white space"},
    {H1Error::bad_field_name, "bad_field_name", 400, "a field name is not a token"},
    {H1Error::space_before_colon, "space_before_colon", 400,
     "white space before the colon of a field"},
    {H1Error::bad_field_value, "bad_field_value", 400, "a control character in a line"},
    {H1Error::field_name_too_long, "field_name_too_long", 431, "a field name is too long"},
    {H1Error::head_too_large, "head_too_large", 431, "the head is too large"},
    {H1Error::too_many_fields, "too_many_fields", 431, "there are too many fields"},
    {H1Error::missing_host, "missing_host", 400, "the Host field is missing"},
    {H1Error::several_hosts, "several_hosts", 400, "there are several Host fields"},
    {H1Error::bad_host, "bad_host", 400, "the host is malformed"},
    {H1Error::host_differs_from_target, "host_differs_from_target", 400,
     "the Host field differs from the request target"},
    {H1Error::bad_content_length, "bad_content_length", 400, "the Content-Length is malformed"},
    {H1Error::several_content_lengths, "several_content_lengths", 400,
     "there are several Content-Length fields"},
    {H1Error::several_transfer_encodings, "several_transfer_encodings", 400,
     "there are several Transfer-Encoding fields"},
    {H1Error::unknown_transfer_coding, "unknown_transfer_coding", 400,
     "the Transfer-Encoding is not chunked"},
    {H1Error::length_with_coding, "length_with_coding", 400,
     "both Content-Length and Transfer-Encoding"},
    {H1Error::coding_in_http_1_0, "coding_in_http_1_0", 400, "Transfer-Encoding in HTTP/1.0"},
    {H1Error::body_not_allowed, "body_not_allowed", 400,
     "a body is announced where none is allowed"},
    {H1Error::bad_connection_option, "bad_connection_option", 400,
     "the Connection field is not a list of tokens"},
    {H1Error::unknown_expectation, "unknown_expectation", 417,
     "the expectation is not 100-continue"},
    {H1Error::bad_chunk_size, "bad_chunk_size", 400, "a chunk size is malformed"},
    {H1Error::bad_chunk_extension, "bad_chunk_extension", 400, "a chunk extension is malformed"},
    {H1Error::too_much_chunk_extension, "too_much_chunk_extension", 400,
     "more chunk extensions than data"},
    {H1Error::bad_chunk_end, "bad_chunk_end", 400, "a chunk is longer than its size"},
    {H1Error::forbidden_trailer, "forbidden_trailer", 400,
     "a trailer field would change framing or routing"},
    {H1Error::trailers_too_large, "trailers_too_large", 431, "the trailers are too large"},
    {H1Error::cut_off, "cut_off", 400, "the connection closed inside a message"},
}};

consteval bool in_order() {
  for (std::size_t index = 0; index < reasons.size(); ++index) {
    if (static_cast<std::size_t>(reasons[index].error) != index) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::string_view name_of(H1Error error) { return reasons[static_cast<std::size_t>(error)].name; }

std::string_view describe(H1Error error) { return reasons[static_cast<std::size_t>(error)].text; }

std::uint16_t status_of(H1Error error) { return reasons[static_cast<std::size_t>(error)].status; }

}  // namespace weir::codec
