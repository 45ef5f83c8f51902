// A body as it goes out on an HTTP/2 stream: a Sink that holds what the windows do not take yet.
#pragma once

#include <string>

#include "weir/base/ready_queue.h"
#include "weir/body/h2_bytes.h"
#include "weir/codec/h2_session.h"
#include "weir/http/stream.h"

namespace weir::body {

class H2Sink final : public http::Sink, public codec::H2Outgoing {
 public:
  H2Sink(codec::H2Session& session, codec::H2Stream& stream, ReadyQueue& ready)
      : session_(session), stream_(stream), ready_(ready) {}

  void write(std::span<const char> bytes) override;
  void finish(const http::Fields* trailers) override;
  void flush() override {}  // the connection sends at the end of the turn
  bool blocked() const override { return unsent() >= high_water; }
  bool failed() const override { return failed_; }
  void wake_on_writable(Wakeable* writer) override { writer_ = writer; }

  // codec::H2Outgoing
  Offer offer(std::size_t at_most) override;
  void take(std::size_t bytes, std::string& output) override;  // wakes the writer below low water
  const http::Fields* trailers() const override { return trailers_.empty() ? nullptr : &trailers_; }

  // The stream was closed or reset; wakes the writer unless everything had been taken.
  void fail();
  bool finished() const { return finished_; }
  // Finished, and the session has taken everything but perhaps the trailers.
  bool drained() const { return finished_ && unsent() == 0; }
  std::size_t unsent() const { return pending_.size(); }

  static constexpr std::size_t high_water = 32UL * 1024;
  static constexpr std::size_t low_water = 8UL * 1024;

 private:
  void resume();

  codec::H2Session& session_;
  codec::H2Stream& stream_;
  ReadyQueue& ready_;
  Wakeable* writer_ = nullptr;
  H2Bytes pending_;
  http::Fields trailers_;
  bool waits_for_more_ = false;  // the session was offered nothing and must be resumed
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace weir::body
