// Bodies over a pair of sessions: the sink of one end, the source of the other.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "weir/body/h2_bytes.h"
#include "weir/body/h2_sink.h"
#include "weir/body/h2_source.h"

namespace weir::body {
namespace {

using http::Pull;

struct Woken final : Wakeable {
  void wake() override { ++times; }
  int times = 0;
};

// A stream with both.
struct Carried final : codec::H2Stream {
  Carried(codec::H2Session& session, ReadyQueue& ready)
      : source(session, *this, ready), sink(session, *this, ready) {}
  void on_response(http::ResponseHead& head) override { status = head.status; }
  void on_data(std::span<const char> bytes) override { source.deliver(bytes); }
  void on_end(const http::Fields* trailers) override { source.end(trailers); }
  void on_closed(codec::H2Error) override {
    source.fail();
    sink.fail();
  }

  std::uint16_t status = 0;
  H2Source source;
  H2Sink sink;
};

class Side final : public codec::H2SessionEvents {
 public:
  explicit Side(codec::H2Session::Role role)
      : session(role, {.stream_window = 64UL * 1024, .head = {}}, *this, {}) {}
  codec::H2Stream* on_request(http::RequestHead&) override {
    stream = std::make_unique<Carried>(session, ready);
    return stream.get();
  }
  void on_malformed(std::string_view) override {}
  void on_flood(codec::H2Flood) override {}
  void on_output() override {}
  void on_capacity() override {}

  ReadyQueue ready;
  std::unique_ptr<Carried> stream;
  codec::H2Session session;
};

// An upload that has been opened.
struct Upload {
  Upload() {
    pump();
    client.stream = std::make_unique<Carried>(client.session, client.ready);
    http::RequestHead head;
    head.method = http::Method::put;
    head.method_text = "PUT";
    head.authority = "a";
    head.target = "/";
    head.body = http::BodyLength::chunked();
    client.session.request(*client.stream, head, client.stream->sink);
    pump();
    sink().wake_on_writable(&writer);
    source().wake_on_readable(&reader);
  }
  ~Upload() {
    client.session.abandon(codec::H2Error::cancel);
    server.session.abandon(codec::H2Error::cancel);
  }
  void pump() {
    std::string bytes;
    do {
      bytes.clear();
      client.session.send(bytes, 1UL << 30U);
      server.session.receive(bytes, {});
      std::string back;
      server.session.send(back, 1UL << 30U);
      client.session.receive(back, {});
      bytes += back;
    } while (!bytes.empty());
    client.ready.end_turn();
    server.ready.end_turn();
  }
  std::string read() {
    std::string text;
    for (Pull pull = source().pull(); pull.state == Pull::State::data; pull = source().pull()) {
      text.append(pull.bytes.data(), pull.bytes.size());
      source().consume(pull.bytes.size());
    }
    return text;
  }
  H2Sink& sink() { return client.stream->sink; }
  H2Source& source() { return server.stream->source; }

  Side client{codec::H2Session::Role::client};
  Side server{codec::H2Session::Role::server};
  Woken writer;
  Woken reader;
};

TEST(H2Body, carries_bytes_in_order_and_then_the_end) {
  Upload upload;
  EXPECT_EQ(upload.source().pull().state, Pull::State::pending);
  upload.sink().write(std::string_view{"hello"});
  upload.pump();
  EXPECT_EQ(upload.reader.times, 1);
  upload.sink().write(std::string_view{" world"});
  upload.pump();
  EXPECT_EQ(upload.read(), "hello world");
  EXPECT_EQ(upload.source().pull().state, Pull::State::pending);
  upload.sink().finish(nullptr);
  EXPECT_TRUE(upload.sink().finished());
  upload.pump();
  EXPECT_TRUE(upload.sink().drained());
  EXPECT_EQ(upload.source().pull().state, Pull::State::end);
  EXPECT_TRUE(upload.source().ended());
  EXPECT_EQ(upload.source().trailers(), nullptr);
}

TEST(H2Body, carries_trailers) {
  Upload upload;
  http::Fields trailers;
  trailers.add("x-sum", "1");
  upload.sink().finish(&trailers);
  upload.pump();
  ASSERT_NE(upload.source().trailers(), nullptr);
  EXPECT_EQ(upload.source().trailers()->find("x-sum"), "1");
}

TEST(H2Body, gives_the_same_bytes_again_until_they_are_consumed) {
  Upload upload;
  upload.sink().write(std::string_view{"abc"});
  upload.pump();
  EXPECT_EQ(upload.source().pull().bytes.size(), 3U);
  upload.source().consume(1);
  const Pull again = upload.source().pull();
  EXPECT_EQ(std::string(again.bytes.data(), again.bytes.size()), "bc");
  EXPECT_EQ(upload.source().buffered(), 2U);
}

TEST(H2Body, a_reader_that_stops_blocks_the_writer_and_one_that_goes_on_wakes_it) {
  Upload upload;
  const std::string piece(10'000, 'x');
  std::size_t written = 0;
  while (!upload.sink().blocked()) {
    upload.sink().write(piece);
    written += piece.size();
    upload.pump();
    ASSERT_LT(written, 1'000'000U);
  }
  EXPECT_LE(upload.source().buffered(), 64U * 1024);
  EXPECT_LE(upload.sink().unsent(), H2Sink::high_water + piece.size());
  const int before = upload.writer.times;
  EXPECT_EQ(upload.read().size(), 64U * 1024);
  upload.pump();
  EXPECT_GT(upload.writer.times, before);
  EXPECT_FALSE(upload.sink().blocked());
}

TEST(H2Body, a_reset_fails_both_ends_after_what_was_delivered) {
  Upload upload;
  upload.sink().write(std::string_view{"half"});
  upload.pump();
  upload.client.session.reset(*upload.client.stream, codec::H2Error::cancel);
  upload.pump();
  EXPECT_TRUE(upload.sink().failed());
  EXPECT_EQ(upload.read(), "half");
  EXPECT_EQ(upload.source().pull().state, Pull::State::failed);
  EXPECT_FALSE(upload.source().ended());
  EXPECT_GT(upload.writer.times, 0);
  upload.sink().write(std::string_view{"harmless"});
  upload.sink().finish(nullptr);
  EXPECT_EQ(upload.sink().unsent(), 0U);
}

TEST(H2Body, what_is_complete_does_not_fail) {
  Upload upload;
  upload.sink().write(std::string_view{"all"});
  upload.sink().finish(nullptr);
  upload.pump();
  upload.client.session.abandon(codec::H2Error::internal_error);
  upload.server.session.abandon(codec::H2Error::internal_error);
  EXPECT_FALSE(upload.sink().failed());
  EXPECT_EQ(upload.read(), "all");
  EXPECT_EQ(upload.source().pull().state, Pull::State::end);
}

TEST(H2Bytes, keeps_order_through_growth_and_drops) {
  H2Bytes bytes;
  std::string expected;
  unsigned next = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string piece;
    for (int count = 0; count < (round * 37) % 300; ++count) {
      piece.push_back(static_cast<char>(next++));
    }
    bytes.append(piece);
    expected += piece;
    const std::size_t dropped = std::min<std::size_t>(expected.size(), (round * 53U) % 280U);
    bytes.drop(dropped);
    expected.erase(0, dropped);
    const auto all = bytes.all();
    ASSERT_EQ(std::string(all.data(), all.size()), expected);
  }
  bytes.drop(bytes.size());
  EXPECT_TRUE(bytes.empty());
}

}  // namespace
}  // namespace weir::body
