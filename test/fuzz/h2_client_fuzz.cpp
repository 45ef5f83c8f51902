// A server's bytes to a client that has asked three times: the same events whole and split, and
// each stream is told once how it ended.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/codec/h2_pair.h"

namespace weir::codec {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

constexpr H2Settings settings{.stream_window = 64UL * 1024,
                              .connection_window = 64UL * 1024,
                              .head = {.head_bytes = 2048, .field_count = 20, .target_bytes = 256}};

// How much is heard of a message that is cut off depends on the pieces it came in.
std::string transcript_of(const End& end) {
  std::string text;
  for (const SeenStream& one : end.seen) {
    for (const http::ResponseHead& head : one.responses) {
      text += std::to_string(head.status) + "\n" + lines_of(head.fields);
    }
    text += (one.ended ? one.data + "|end\n" : "|open\n");
    if (one.trailers) text += lines_of(*one.trailers);
    require(!one.ended || !one.responses.empty());
  }
  for (const H2Flood flood : end.floods) text += std::string{name_of(flood)} + "\n";
  return text;
}

std::string hear(std::string_view bytes, std::size_t piece) {
  End client{H2Session::Role::client, settings};
  client.ask(request_to("/", http::Method::get));
  client.ask(request_to("/", http::Method::head));
  client.ask(request_to("/", http::Method::put, http::BodyLength::known(5)), "hello");
  client.sent();
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    client.session->receive(bytes.substr(at, piece), {});
  }
  const std::string transcript = transcript_of(client);
  client.sent();
  client.session->abandon(H2Error::cancel);
  for (const SeenStream& one : client.seen) require(one.closed.has_value());
  require(!client.session->may_open());
  return transcript;
}

}  // namespace
}  // namespace weir::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::codec;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const std::string whole = hear(bytes, everything);
  require(hear(bytes, 1) == whole);
  require(hear(bytes, 11) == whole);
  return 0;
}
