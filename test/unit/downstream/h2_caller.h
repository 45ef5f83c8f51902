// The other end of an HTTP/2 connection in unit tests: what a caller asks and what it gets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/codec/h2_session.h"

namespace weir::downstream {

// One request of the caller's, and what came back.
struct H2Exchange final : codec::H2Stream, codec::H2Outgoing {
  void on_response(http::ResponseHead& head) override {
    if (head.informational()) {
      informed.push_back(head.status);
      informed_fields = head.fields;
    } else {
      status = head.status;
      fields = head.fields;
    }
  }
  void on_data(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    if (reads) session->consumed(*this, bytes.size());
  }
  void on_end(const http::Fields* with) override {
    ended = true;
    if (with != nullptr) trailing = *with;
  }
  void on_closed(codec::H2Error error) override { closed = error; }

  Offer offer(std::size_t at_most) override {
    const std::size_t bytes = std::min(at_most, sending.size());
    return {bytes, sent_all && bytes == sending.size()};
  }
  void take(std::size_t bytes, std::string& output) override {
    output.append(sending, 0, bytes);
    sending.erase(0, bytes);
  }
  const http::Fields* trailers() const override { return trailing_request; }

  // More of the request's body.
  void write(std::string_view bytes) {
    sending.append(bytes);
    session->resume(*this);
  }
  void finish() {
    sent_all = true;
    session->resume(*this);
  }

  codec::H2Session* session = nullptr;
  std::string sending;
  bool sent_all = false;
  bool reads = true;  // opens its window again
  const http::Fields* trailing_request = nullptr;
  std::vector<int> informed;
  http::Fields informed_fields;  // of the last
  int status = 0;
  http::Fields fields;
  std::string body;
  std::optional<http::Fields> trailing;
  bool ended = false;
  std::optional<codec::H2Error> closed;
};

// The caller's end has nothing to hear of but its streams.
struct H2CallerEvents final : codec::H2SessionEvents {
  codec::H2Stream* on_request(http::RequestHead&) override { return nullptr; }
  void on_malformed(std::string_view) override {}
  void on_flood(codec::H2Flood) override { ADD_FAILURE(); }
  void on_output() override {}
  void on_capacity() override {}
};

}  // namespace weir::downstream
