// The access log: one line per exchange, formatted by the worker, written by a thread of its own.
//
// A worker never waits for the output. It formats into its own ring; when the writer cannot keep up
// the line is dropped and counted. The writer gathers lines for a few milliseconds and writes them
// with large writes, so that a busy worker makes no system call per line and an idle writer sleeps.
// Lines of one worker keep their order; lines of different workers may be interleaved out of it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "weir/base/time.h"
#include "weir/base/units.h"
#include "weir/policy/service.h"
#include "weir/telemetry/record.h"

namespace weir::telemetry {

// One worker's end of the log. Not thread-safe.
class LogProducer {
 public:
  struct Lane;
  explicit LogProducer(Lane& lane) : lane_(lane) {}

  // Nothing while the log is switched off. Never blocks, never allocates.
  void write(const Record& record);

 private:
  Lane& lane_;
};

// configure(), reopen() and stop() are called by one thread at a time; the rest from any.
class AccessLog {
 public:
  struct Counts {
    std::uint64_t lines = 0;         // handed to the writer
    std::uint64_t dropped = 0;       // the ring was full
    std::uint64_t write_errors = 0;  // failed writes; what they held is lost
  };

  // `ring` is what each worker may be ahead of the writer; a power of two of at least 64 KiB.
  explicit AccessLog(Bytes ring = mebibytes(1));
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  // As stop() with one second.
  ~AccessLog();

  // Takes a policy over, the first time and at every reload. An output that cannot be opened is an
  // error in words and changes nothing. A file is appended to and created with mode 0640.
  std::expected<void, std::string> configure(const policy::AccessLog& policy);
  // Opens the file again under its name, after log rotation (SIGHUP). Lines that are waiting go to
  // the new file. Does nothing for the standard output.
  std::expected<void, std::string> reopen();

  // Owned here; used by one worker until stop().
  LogProducer& add_worker();

  // Writes what is waiting and ends the writer, within `limit` even when the output is stuck.
  void stop(Duration limit);

  Counts counts() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared with the writer thread, which may outlive a stuck stop
};

}  // namespace weir::telemetry
