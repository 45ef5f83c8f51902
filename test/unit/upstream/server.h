// The endpoint's side of an HTTP/2 connection, for the tests of attempts and their pools.
//
// Its session is weir's own, in the other role; what is said to peers that are not is tested end to
// end.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/fake_transport.h"
#include "weir/codec/h2_session.h"

namespace weir::upstream {

// A request as the endpoint sees it.
struct Received final : codec::H2Stream, codec::H2Outgoing {
  explicit Received(codec::H2Session& with) : session(with) {}

  void on_response(http::ResponseHead&) override {}
  void on_data(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    session.consumed(*this, bytes.size());
  }
  void on_end(const http::Fields* with) override {
    ended = true;
    if (with != nullptr) trailing = *with;
  }
  void on_closed(codec::H2Error error) override { closed = error; }

  Offer offer(std::size_t at_most) override {
    const std::size_t bytes = std::min(at_most, sending.size());
    return {bytes, complete && bytes == sending.size()};
  }
  void take(std::size_t bytes, std::string& output) override {
    output.append(sending, 0, bytes);
    sending.erase(0, bytes);
  }
  const http::Fields* trailers() const override { return answer_trailers; }

  void inform(std::uint16_t status) { session.inform(*this, head_of(status)); }
  void respond(http::ResponseHead with) { session.respond(*this, with, head.method, *this); }
  // A whole answer.
  void answer(std::string_view text, std::uint16_t status = 200) {
    auto with = head_of(status);
    with.body = http::BodyLength::known(text.size());
    sending = text;
    complete = true;
    respond(std::move(with));
  }
  // A head, and bytes without an end.
  void begin(std::string_view text) {
    auto with = head_of(200);
    with.body = http::BodyLength::chunked();
    sending = text;
    respond(std::move(with));
  }
  void finish() {
    complete = true;
    session.resume(*this);
  }
  static http::ResponseHead head_of(std::uint16_t status) {
    http::ResponseHead with;
    with.status = status;
    return with;
  }

  codec::H2Session& session;
  http::RequestHead head;
  std::string body;
  std::optional<http::Fields> trailing;
  bool ended = false;
  std::optional<codec::H2Error> closed;
  std::string sending;
  bool complete = false;
  const http::Fields* answer_trailers = nullptr;
};

// The endpoint's side of one connection.
struct Server final : codec::H2SessionEvents {
  Server(const codec::H2Settings& settings, Instant now)
      : session(codec::H2Session::Role::server, settings, *this, now) {}

  codec::H2Stream* on_request(http::RequestHead& head) override {
    if (refuses) return nullptr;
    Received& request = requests.emplace_back(session);
    std::swap(request.head, head);
    return &request;
  }
  void on_malformed(std::string_view) override { ADD_FAILURE(); }
  void on_flood(codec::H2Flood) override { ADD_FAILURE(); }
  void on_output() override {}
  void on_capacity() override {}

  // Takes what has come and sends what waits; false when nothing moved.
  bool turn(Instant now) {
    bool moved = false;
    if (listens) {
      const std::string bytes = peer.received();
      moved = !bytes.empty();
      writes += moved ? 1 : 0;
      if (session_speaks) session.receive(bytes, now);
    }
    std::string output;
    if (session_speaks) session.send(output, 1024UL * 1024);
    peer.send(output);
    moved = !output.empty() || moved;
    while (peer.deliver()) moved = true;
    return moved;
  }

  net::FakePeer peer;
  std::deque<Received> requests;
  codec::H2Session session;
  int writes = 0;
  bool refuses = false;
  bool listens = true;
  bool session_speaks = true;  // else the test writes the bytes
};

}  // namespace weir::upstream
