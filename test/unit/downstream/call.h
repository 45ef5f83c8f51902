// A caller that speaks HTTP/1.1 and its connection, for the tests of Connection and H1Connection.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fake_transport.h"
#include "weir/codec/h1_error.h"
#include "weir/downstream/connection.h"

namespace weir::downstream {

inline constexpr std::string_view get = "GET /1 HTTP/1.1\r\nHost: catalog\r\n\r\n";

struct Watcher final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

// A caller, its connection, and a handler that keeps the stream until the test answers it, or
// answers at once with the target.
struct Call final : Handler, ConnectionOwner {
  explicit Call(const policy::Limits& with = {}) : limits(with) {}

  void on_request(Stream& given) override {
    EXPECT_FALSE(within);
    within = true;
    stream = &given;
    targets.push_back(given.head().target);
    if (answers_at_once) answer(given.head().target);
    within = false;
  }
  void on_malformed(std::string_view reason) override { malformed = reason; }
  void on_request_timeout() override { ++timeouts; }
  void on_flood(codec::H2Flood) override { ADD_FAILURE(); }
  void on_closed(Connection&, net::Closed reason) override {
    EXPECT_FALSE(closed);
    closed = reason;
  }

  static http::ResponseHead head_of(http::BodyLength length, std::uint16_t status = 200) {
    http::ResponseHead head;
    head.status = status;
    head.body = length;
    return head;
  }
  void answer(std::string_view text, std::optional<http::BodyLength> length = {}) {
    Stream& answered = *std::exchange(stream, nullptr);
    auto head = head_of(length.value_or(http::BodyLength::known(text.size())));
    http::Sink& sink = answered.respond(head);
    if (!text.empty()) sink.write(text);
    sink.finish(nullptr);
    answered.done(Ending::complete);
  }

  // Delivers everything that can be delivered without time passing.
  void settle() {
    do scheduler.turn(scheduler.now());
    while (!closed && peer.deliver());
  }
  void send(std::string_view bytes) {
    peer.send(bytes);
    settle();
  }
  void pass(Duration time) {
    scheduler.turn(scheduler.now() + time);
    settle();
  }
  std::string received() {
    settle();
    return peer.received();
  }
  // Whether the connection takes another request.
  bool goes_on() {
    send(get);
    if (stream == nullptr) return false;
    answer("more");
    return received().ends_with("more");
  }

  policy::Limits limits;
  Scheduler scheduler{Instant{std::chrono::seconds{1000}}};
  net::FakePeer peer;
  Stream* stream = nullptr;
  std::vector<std::string> targets;
  std::optional<std::string_view> malformed;
  std::optional<net::Closed> closed;
  int timeouts = 0;
  bool answers_at_once = false;
  bool within = false;
  Random random{1};
  Connection connection{peer.connect(), {scheduler, random}, limits, *this, *this};
};

inline std::string ok(std::string_view text, std::string_view more = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string{more} +
         "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + std::string{text};
}

// The same, where framing stands before Connection.
inline std::string last_ok(std::string_view text) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\nConnection: close\r\n\r\n" + std::string{text};
}

}  // namespace weir::downstream
