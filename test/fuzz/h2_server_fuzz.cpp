// A client's bytes after its preface: the same events whole and split, and heads that, written as
// HTTP/1.1, are read again as the same request.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/codec/h2_pair.h"
#include "weir/codec/h1_head.h"
#include "weir/codec/h1_writer.h"
#include "weir/http/hop_by_hop.h"

namespace weir::codec {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

constexpr H2Settings settings{.concurrent_streams = 8,
                              .stream_window = 64UL * 1024,
                              .connection_window = 64UL * 1024,
                              .head = {.head_bytes = 2048, .field_count = 20, .target_bytes = 256}};

// How much is heard of a message that is cut off depends on the pieces it came in.
std::string transcript_of(const End& end) {
  std::string text;
  for (const SeenStream& one : end.seen) {
    text += one.request.method_text + " " + one.request.target + " " + one.request.authority + "\n";
    text += lines_of(one.request.fields) + (one.ended ? one.data + "|end\n" : "|open\n");
    if (one.trailers) text += lines_of(*one.trailers);
  }
  for (const std::string& reason : end.malformed) text += reason + "\n";
  for (const H2Flood flood : end.floods) text += std::string{name_of(flood)} + "\n";
  return text;
}

// What a proxy would write to an HTTP/1.1 upstream is one unambiguous request.
void require_unambiguous(http::RequestHead head) {
  if (!head.upgrade.empty()) return;
  http::remove_hop_by_hop(head.fields);
  std::string text;
  write_request_head(head, text);
  http::RequestHead again;
  RequestHeadParser parser{again, {.head_bytes = 1UL << 20U, .field_count = 100}};
  const auto size = parser.parse(text);
  require(size && *size == text.size());
  require(again.method_text == head.method_text && again.target == head.target);
  require(again.authority == head.authority && again.body == head.body);
}

// A client that says GOAWAY while nothing is open has ended the connection: whether nghttp2 looks
// at what follows depends on the pieces, and nobody reads it.
std::string_view until_goaway(std::string_view bytes) {
  for (std::size_t at = 0; at + 9 <= bytes.size();) {
    const auto byte = [&](std::size_t index) {
      return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + index]));
    };
    const std::size_t end = at + 9 + (byte(0) << 16U | byte(1) << 8U | byte(2));
    if (byte(3) == 7) return bytes.substr(0, end);
    at = end;
  }
  return bytes;
}

std::string hear(std::string_view bytes, std::size_t piece) {
  End server{H2Session::Role::server, settings};
  server.session->receive(std::string_view{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, {});
  server.sent();
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    server.session->receive(bytes.substr(at, piece), {});
  }
  const std::string transcript = transcript_of(server);
  for (SeenStream& one : server.seen) {
    require_unambiguous(one.request);
    if (one.open()) server.answer(one, response_of(200, http::BodyLength::known(3)), "abc");
  }
  server.sent();
  server.session->abandon(H2Error::cancel);
  for (const SeenStream& one : server.seen) require(one.closed.has_value());
  require(server.session->streams() == 0);
  return transcript;
}

}  // namespace
}  // namespace weir::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::codec;
  const auto bytes = until_goaway({reinterpret_cast<const char*>(data), size});
  const std::string whole = hear(bytes, everything);
  require(hear(bytes, 1) == whole);
  require(hear(bytes, 11) == whole);
  return 0;
}
