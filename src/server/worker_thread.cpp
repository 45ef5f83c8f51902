#include "weir/server/worker_thread.h"

#include <utility>

namespace weir::server {

WorkerThread::WorkerThread(telemetry::Recorder& recorder, proxy::ProcessCounts& counts,
                           std::uint64_t seed)
    : worker_(loop_.scheduler(), loop_.mailbox(), connector_, recorder, counts, seed) {}

WorkerThread::~WorkerThread() { stop(); }

void WorkerThread::start() {
  thread_ = std::thread{[this] { loop_.run(); }};
}

void WorkerThread::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void WorkerThread::apply(std::shared_ptr<const proxy::Snapshot> snapshot,
                         std::vector<ListenerChange> changes) {
  // A std::function must be copyable, sockets are not.
  auto shared = std::make_shared<std::vector<ListenerChange>>(std::move(changes));
  loop_.mailbox().post([this, snapshot = std::move(snapshot), shared] {
    worker_.apply(snapshot);
    for (ListenerChange& change : *shared) {
      door(change.direction).listen(loop_, std::exchange(change.socket, std::nullopt));
    }
  });
}

void WorkerThread::Door::listen(net::Loop& loop, std::optional<net::ListeningSocket> socket) {
  if (listener_) listener_->close();
  listener_.reset();
  if (socket) listener_ = std::make_unique<net::Listener>(loop, std::move(*socket), *this);
}

void WorkerThread::check_health() {
  loop_.mailbox().post([this] { worker_.check_health(); });
}

void WorkerThread::drain(std::function<void()> drained) {
  loop_.mailbox().post([this, drained = std::move(drained)] {
    inbound_.listen(loop_, std::nullopt);
    outbound_.listen(loop_, std::nullopt);
    worker_.drain(drained);
  });
}

void WorkerThread::ask(std::function<void(const proxy::Worker&)> question) {
  loop_.mailbox().post([this, question = std::move(question)] { question(worker_); });
}

}  // namespace weir::server
