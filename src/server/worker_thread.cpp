#include "weir/server/worker_thread.h"

#include <algorithm>
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
    follow(std::move(*shared));
  });
}

void WorkerThread::follow(std::vector<ListenerChange> changes) {
  for (ListenerChange& change : changes) {
    if (auto* socket = std::get_if<net::ListeningSocket>(&change.what)) {
      doors_.push_back(std::make_unique<Door>(loop_, worker_, change, std::move(*socket)));
      continue;
    }
    // The twin of an address may be missing.
    const auto door =
        std::ranges::find_if(doors_, [&change](const auto& one) { return one->is(change); });
    if (door == doors_.end()) continue;
    if (std::holds_alternative<ListenerChange::Widen>(change.what)) {
      (*door)->widen();
    } else {
      (*door)->close();
      doors_.erase(door);
    }
  }
}

void WorkerThread::check_health() {
  loop_.mailbox().post([this] { worker_.check_health(); });
}

void WorkerThread::drain(std::function<void()> drained) {
  loop_.mailbox().post([this, drained = std::move(drained)] {
    for (const auto& door : doors_) door->close();
    doors_.clear();
    worker_.drain(drained);
  });
}

void WorkerThread::ask(std::function<void(const proxy::Worker&)> question) {
  loop_.mailbox().post([this, question = std::move(question)] { question(worker_); });
}

}  // namespace weir::server
