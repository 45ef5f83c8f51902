// Replay and Pipe over a source and a sink of a few lines.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "weir/proxy/pipe.h"
#include "weir/proxy/replay.h"

namespace weir::proxy {
namespace {

class TextSource final : public http::Source {
 public:
  explicit TextSource(std::string text, std::size_t at_once = 4)
      : text_(std::move(text)), at_once_(at_once) {}
  http::Pull pull() override {
    if (failed) return {http::Pull::State::failed, {}};
    if (text_.empty()) return {ended ? http::Pull::State::end : http::Pull::State::pending, {}};
    return {http::Pull::State::data, std::span{text_}.first(std::min(at_once_, text_.size()))};
  }
  void consume(std::size_t count) override { text_.erase(0, count); }
  void wake_on_readable(Wakeable* reader) override { waker = reader; }
  bool ended = true;
  bool failed = false;
  Wakeable* waker = nullptr;

 private:
  std::string text_;
  std::size_t at_once_;
};

class TextSink final : public http::Sink {
 public:
  void write(std::span<const char> bytes) override {
    EXPECT_FALSE(is_blocked || finished);
    text.append(bytes.begin(), bytes.end());
    is_blocked = text.size() >= room;
  }
  void finish(const http::Fields*) override { finished = true; }
  void flush() override {}
  bool blocked() const override { return is_blocked; }
  bool failed() const override { return broken; }
  void wake_on_writable(Wakeable* writer) override { waker = writer; }
  std::string text;
  std::size_t room = 1000;
  bool is_blocked = false;
  bool finished = false;
  bool broken = false;
  Wakeable* waker = nullptr;
};

struct Owner final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

std::string read_all(http::Source& source) {
  std::string all;
  for (http::Pull pulled = source.pull(); pulled.state == http::Pull::State::data;
       pulled = source.pull()) {
    all.append(pulled.bytes.begin(), pulled.bytes.end());
    source.consume(pulled.bytes.size());
  }
  return all;
}

TEST(Replay, tells_a_body_twice_within_its_limit) {
  TextSource origin{"0123456789"};
  Replay replay{origin, Bytes{10}};
  EXPECT_EQ(read_all(replay), "0123456789");
  EXPECT_EQ(replay.replay(), resilience::Replay::possible);
  replay.rewind();
  EXPECT_EQ(read_all(replay), "0123456789");
  EXPECT_EQ(replay.pull().state, http::Pull::State::end);
}

TEST(Replay, goes_on_with_the_origin_after_an_early_rewind) {
  TextSource origin{"0123456789"};
  Replay replay{origin, Bytes{10}};
  replay.consume(replay.pull().bytes.size());
  replay.rewind();
  EXPECT_EQ(read_all(replay), "0123456789");
}

TEST(Replay, says_when_it_has_dropped_something) {
  TextSource origin{"0123456789"};
  Replay replay{origin, Bytes{9}};
  EXPECT_EQ(read_all(replay), "0123456789");
  EXPECT_EQ(replay.replay(), resilience::Replay::body_dropped);
}

TEST(Pipe, moves_everything_and_rings_once) {
  ReadyQueue ready;
  Owner owner;
  TextSource source{"0123456789"};
  TextSink sink;
  Pipe pipe{ready, owner};
  pipe.start(source, sink);
  ready.drain();
  EXPECT_EQ(sink.text, "0123456789");
  EXPECT_TRUE(sink.finished);
  EXPECT_EQ(pipe.state(), Pipe::State::ended);
  EXPECT_EQ(pipe.bytes(), 10U);
  EXPECT_EQ(owner.woken, 1);
  EXPECT_EQ(source.waker, nullptr);
}

TEST(Pipe, pulls_nothing_while_the_sink_is_blocked) {
  ReadyQueue ready;
  Owner owner;
  TextSource source{"0123456789"};
  TextSink sink;
  sink.room = 4;
  Pipe pipe{ready, owner};
  pipe.start(source, sink);
  EXPECT_EQ(sink.text, "0123");
  EXPECT_TRUE(pipe.moving());
  sink.is_blocked = false;
  sink.room = 1000;
  ready.schedule(*sink.waker);
  ready.drain();
  EXPECT_EQ(pipe.state(), Pipe::State::ended);
}

TEST(Pipe, tells_its_failures_apart) {
  ReadyQueue ready;
  Owner owner;
  TextSource broken_source{""};
  broken_source.failed = true;
  TextSource source{"0123456789"};
  TextSink sink;
  TextSink broken_sink;
  broken_sink.broken = true;
  Pipe pipe{ready, owner};
  pipe.start(broken_source, sink);
  EXPECT_EQ(pipe.state(), Pipe::State::source_failed);
  EXPECT_FALSE(sink.finished);
  pipe.reset();
  pipe.start(source, broken_sink);
  EXPECT_EQ(pipe.state(), Pipe::State::sink_failed);
  pipe.reset();
  pipe.start(source, sink, Bytes{5});
  EXPECT_EQ(pipe.state(), Pipe::State::over_limit);
}

}  // namespace
}  // namespace weir::proxy
