// A caller that speaks HTTP/2 and its connection, for the tests of H2Connection and H2Stream.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "h2_caller.h"
#include "support/fake_transport.h"
#include "weir/downstream/connection.h"

namespace weir::downstream {

struct H2Watcher final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

// A caller, its connection, and a handler that keeps the streams until the test answers them.
struct H2Call final : Handler, ConnectionOwner {
  explicit H2Call(const policy::Limits& with = {}, const codec::H2Settings& settings = {})
      : limits(with), client(codec::H2Session::Role::client, settings, events, scheduler.now()) {
    settle();
  }

  void on_request(Stream& given) override {
    streams.push_back(&given);
    targets.push_back(given.head().target);
  }
  void on_malformed(std::string_view reason) override { malformed = reason; }
  void on_request_timeout() override { ++timeouts; }
  void on_flood(codec::H2Flood flood) override { floods.push_back(flood); }
  void on_closed(Connection&, net::Closed reason) override {
    EXPECT_FALSE(closed);
    closed = reason;
  }

  static http::RequestHead request_head(std::string_view target, http::Method method) {
    http::RequestHead head;
    head.method = method;
    head.method_text = http::name_of(method);
    head.target = target;
    head.authority = "catalog";
    head.scheme = "http";
    head.version = http::Version::http_2;
    if (method == http::Method::post) head.body = http::BodyLength::chunked();
    return head;
  }
  static http::ResponseHead head_of(http::BodyLength length, std::uint16_t status = 200) {
    http::ResponseHead head;
    head.status = status;
    head.body = length;
    return head;
  }

  H2Exchange& open(const http::RequestHead& head) {
    auto& made = *exchanges.emplace_back(std::make_unique<H2Exchange>());
    made.session = &client;
    client.request(made, head, made);
    return made;
  }
  // Opens a stream, and delivers it.
  H2Exchange& request(std::string_view target, http::Method method = http::Method::get) {
    H2Exchange& made = open(request_head(target, method));
    settle();
    return made;
  }
  void reset(H2Exchange& which) {
    client.reset(which, codec::H2Error::cancel);
    settle();
  }
  // Answers the stream that was handed over as number `index`.
  void answer(std::size_t index, std::string_view text) {
    Stream& answered = *std::exchange(streams[index], nullptr);
    auto head = head_of(http::BodyLength::known(text.size()));
    http::Sink& sink = answered.respond(head);
    if (!text.empty()) sink.write(text);
    sink.finish(nullptr);
    answered.done(Ending::complete);
  }
  void abort(std::size_t index) { std::exchange(streams[index], nullptr)->done(Ending::aborted); }

  // What the client has to say goes on its way, but is not delivered yet.
  void push() {
    std::string bytes;
    client.send(bytes, 1UL << 24);
    peer.send(bytes);
  }
  // Delivers everything in both directions that can be delivered without time passing.
  void settle() {
    for (bool moved = true; moved;) {
      push();
      moved = false;
      do scheduler.turn(scheduler.now());
      while (!closed && peer.deliver() && (moved = true));
      const std::string answer = peer.received();
      if (answer.empty()) continue;
      moved = true;
      wire += answer;
      if (listens) client.receive(answer, scheduler.now());
    }
  }
  void send_raw(std::string_view bytes) {
    peer.send(bytes);
    settle();
  }
  void pass(Duration time) {
    scheduler.turn(scheduler.now() + time);
    settle();
  }
  // The error code of the last GOAWAY that came, when one has come.
  std::optional<codec::H2Error> goaway() const {
    std::optional<codec::H2Error> found;
    const auto byte = [this](std::size_t at) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(wire[at]));
    };
    for (std::size_t at = 0; at + 9 <= wire.size();) {
      const std::size_t length = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
      if (byte(at + 3) == 7) found = static_cast<codec::H2Error>(byte(at + 16));
      at += 9 + length;
    }
    return found;
  }

  policy::Limits limits;
  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  net::FakePeer peer;
  Random random{1};
  Connection connection{peer.connect(), {scheduler, random}, limits, *this, *this};
  H2CallerEvents events;
  codec::H2Session client;
  std::vector<std::unique_ptr<H2Exchange>> exchanges;
  std::vector<Stream*> streams;
  std::vector<std::string> targets;
  std::vector<codec::H2Flood> floods;
  std::string wire;
  std::optional<std::string_view> malformed;
  std::optional<net::Closed> closed;
  int timeouts = 0;
  bool listens = true;
};

}  // namespace weir::downstream
