// Two ends of an HTTP/2 connection in memory: the test moves the bytes and the time.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "h2_heads.h"
#include "weir/codec/h2_session.h"

namespace weir::codec {

inline constexpr std::size_t everything = std::size_t{1} << 30U;

// A body that is there, or comes later.
struct SentBody final : H2Outgoing {
  Offer offer(std::size_t at_most) override {
    const std::size_t bytes = std::min(at_most, text.size());
    return {bytes, complete && bytes == text.size()};
  }
  void take(std::size_t bytes, std::string& output) override {
    output.append(text, 0, bytes);
    text.erase(0, bytes);
  }
  const http::Fields* trailers() const override { return has_trailers ? &fields : nullptr; }

  std::string text;
  bool complete = true;
  bool has_trailers = false;
  http::Fields fields;
};

// One end of an exchange, and what it heard.
struct SeenStream final : H2Stream {
  void on_response(http::ResponseHead& head) override { responses.push_back(std::move(head)); }
  void on_data(std::span<const char> bytes) override {
    data.append(bytes.data(), bytes.size());
    held += bytes.size();
    if (reads) release();
  }
  void on_end(const http::Fields* fields) override {
    ended = true;
    if (fields != nullptr) trailers = *fields;
  }
  void on_closed(H2Error error) override { closed = error; }
  void release() { session->consumed(*this, std::exchange(held, 0)); }

  H2Session* session = nullptr;
  http::RequestHead request;
  std::vector<http::ResponseHead> responses;
  std::string data;
  std::size_t held = 0;
  bool reads = true;
  bool ended = false;
  std::optional<http::Fields> trailers;
  std::optional<H2Error> closed;
  SentBody body;
};

// One end of a connection.
class End final : public H2SessionEvents {
 public:
  explicit End(H2Session::Role role, const H2Settings& settings = {}) {
    session = std::make_unique<H2Session>(role, settings, *this, Instant{});
  }
  H2Stream* on_request(http::RequestHead& head) override {
    if (refuses) return nullptr;
    SeenStream& stream = add();
    stream.request = std::move(head);
    return &stream;
  }
  void on_malformed(std::string_view reason) override { malformed.emplace_back(reason); }
  void on_flood(H2Flood flood) override { floods.push_back(flood); }
  void on_output() override { output_announced = true; }
  void on_capacity() override { ++capacity_changes; }

  SeenStream& add() {
    SeenStream& stream = seen.emplace_back();
    stream.session = session.get();
    return stream;
  }
  SeenStream& ask(const http::RequestHead& head, std::string body = {}) {
    SeenStream& stream = add();
    stream.body.text = std::move(body);
    session->request(stream, head, stream.body);
    return stream;
  }
  void answer(SeenStream& stream, const http::ResponseHead& head, std::string body = {}) {
    stream.body.text = std::move(body);
    session->respond(stream, head, stream.request.method, stream.body);
  }
  std::string sent(std::size_t enough = everything) {
    output_announced = false;
    std::string output;
    session->send(output, enough);
    return output;
  }

  std::deque<SeenStream> seen;  // in order; outlives the session
  std::unique_ptr<H2Session> session;
  std::vector<std::string> malformed;
  std::vector<H2Flood> floods;
  bool refuses = false;
  bool output_announced = false;
  int capacity_changes = 0;
};

struct Connected {
  explicit Connected(const H2Settings& settings = {})
      : server(H2Session::Role::server, settings), client(H2Session::Role::client) {
    pump();
  }
  // Until both are silent; pieces of `size` bytes.
  void pump(std::size_t size = everything) {
    for (bool moved = true; moved;) {
      moved = move(client, server, size);
      moved = move(server, client, size) || moved;
    }
  }
  bool move(End& from, End& to, std::size_t size) const {
    const std::string bytes = from.sent();
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      to.session->receive(std::span{bytes}.subspan(at, std::min(size, bytes.size() - at)), now);
    }
    return !bytes.empty();
  }
  // A request that has arrived.
  std::pair<SeenStream&, SeenStream&> exchange(const http::RequestHead& head,
                                               std::string body = {}) {
    SeenStream& asked = client.ask(head, std::move(body));
    pump();
    return {asked, server.seen.back()};
  }

  End server;
  End client;
  Instant now{};
};

}  // namespace weir::codec
