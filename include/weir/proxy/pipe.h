// A passive link from a source to a sink: one body on its way.
//
// It is woken by its two ends and pumps by itself; the exchange hears of it only when the body has
// ended or failed. While the sink is blocked nothing is pulled.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/base/ready_queue.h"
#include "weir/base/units.h"
#include "weir/http/stream.h"

namespace weir::proxy {

class Pipe final : private Wakeable {
 public:
  enum class State : std::uint8_t {
    resting,  // not started
    moving,
    ended,  // everything was taken by the sink, its finish() included
    source_failed,
    sink_failed,
    over_limit  // the body is larger than allowed
  };

  Pipe(ReadyQueue& ready, Wakeable& owner) : ready_(ready), owner_(owner) {}
  ~Pipe() override { detach(); }

  // Starts moving; `owner` is scheduled when the state changes. Both ends must outlive the pipe or
  // detach(). Pumps at once.
  void start(http::Source& source, http::Sink& sink, std::optional<Bytes> limit = {});
  // Lets go of both ends; the state stays.
  void detach();
  // Lets go and is as new.
  void reset();

  State state() const { return state_; }
  bool moving() const { return state_ == State::moving; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void wake() override { pump(); }
  void pump();
  State step();

  ReadyQueue& ready_;
  Wakeable& owner_;
  http::Source* source_ = nullptr;
  http::Sink* sink_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::optional<Bytes> limit_;
  State state_ = State::resting;
};

}  // namespace weir::proxy
