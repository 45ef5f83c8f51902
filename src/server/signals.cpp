#include "weir/server/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "weir/base/log.h"

namespace weir::server {
namespace {

Signal meaning_of(std::uint32_t number) {
  switch (number) {
    case SIGHUP: return Signal::reload;
    case SIGUSR1: return Signal::reopen_logs;
    default: return Signal::drain;
  }
}

}  // namespace

Signals::Signals(net::Loop& loop, std::function<void(Signal)> deliver)
    : loop_(loop), deliver_(std::move(deliver)) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&taken, number);
  ::pthread_sigmask(SIG_BLOCK, &taken, &before_);
  descriptor_ = net::Descriptor{::signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (!descriptor_.open() || !loop_.watch(descriptor_.number(), net::Interest::level_read, *this)) {
    // Blocked and unread they would be lost; then the kernel's own way is the better one.
    log::error("cannot watch signals", {{"reason", std::strerror(errno)}});
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
}

Signals::~Signals() {
  loop_.forget(*this);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::on_ready(net::Readiness /*readiness*/) {
  signalfd_siginfo info{};
  while (::read(descriptor_.number(), &info, sizeof info) == sizeof info) {
    deliver_(meaning_of(info.ssi_signo));
  }
}

}  // namespace weir::server
