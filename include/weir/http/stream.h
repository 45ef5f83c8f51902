// The two small stream interfaces on which bodies move.
//
// A body is pulled. Whoever relays links a Source to a Sink and pulls only while the sink is not
// blocked: backpressure is the absence of a pull, and memory is bounded by what one pull gives.
// Both sides announce that something changed by scheduling a Wakeable; nobody is called back.
#pragma once

#include <cstdint>
#include <span>

#include "weir/base/ready_queue.h"
#include "weir/http/fields.h"

namespace weir::http {

// What a source has at the moment.
struct Pull {
  enum class State : std::uint8_t {
    pending,  // nothing yet: wait
    data,     // `bytes`, valid until consume() or the next turn
    end,      // complete; trailers() may be asked
    failed    // cut off: the body must not be passed off as complete
  };
  State state = State::pending;
  std::span<const char> bytes;
};

class Source {
 public:
  virtual ~Source() = default;
  // Never blocks. Gives the same bytes again until they are consumed.
  virtual Pull pull() = 0;
  // Takes `count` of the bytes last pulled; more may then be read from the peer.
  virtual void consume(std::size_t count) = 0;
  // Whom to schedule when pull() may give something other than before; null for nobody.
  virtual void wake_on_readable(Wakeable* reader) = 0;
  // After `end`: trailer fields, or null.
  virtual const Fields* trailers() const { return nullptr; }
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Takes all of `bytes`, which may block the sink. Never called while blocked or after finish().
  virtual void write(std::span<const char> bytes) = 0;
  // The body is complete; `trailers` may be null.
  virtual void finish(const Fields* trailers) = 0;
  // Sends what was gathered; called when the source has nothing more for now.
  virtual void flush() = 0;
  // Too much is waiting for the peer: do not write until woken.
  virtual bool blocked() const = 0;
  // The peer no longer takes bytes; writing on is pointless though harmless.
  virtual bool failed() const = 0;
  // Whom to schedule when the sink is no longer blocked, or has failed; null for nobody.
  virtual void wake_on_writable(Wakeable* writer) = 0;
};

}  // namespace weir::http
