// POSIX signals as events of the control loop (signalfd), so that no handler runs anywhere.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>

#include "weir/net/descriptor.h"
#include "weir/net/loop.h"

namespace weir::server {

enum class Signal : std::uint8_t {
  reload,      // SIGHUP
  drain,       // SIGTERM, SIGINT
  reopen_logs  // SIGUSR1
};

// Blocks these signals in the calling thread, and so in every thread that it starts afterwards:
// make it before the first one. SIGPIPE is ignored for good. Destruction unblocks them again.
class Signals final : private net::Watcher {
 public:
  // `deliver` is called from the loop's top level, once per signal that the kernel reports.
  Signals(net::Loop& loop, std::function<void(Signal)> deliver);
  ~Signals();

 private:
  void on_ready(net::Readiness readiness) override;

  net::Loop& loop_;
  std::function<void(Signal)> deliver_;
  sigset_t before_{};
  net::Descriptor descriptor_;
};

}  // namespace weir::server
