// A thread with an event loop, a proxy worker on it, and the worker's own listeners.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "weir/net/connector.h"
#include "weir/net/listener.h"
#include "weir/net/loop.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/worker.h"
#include "weir/telemetry/record.h"

namespace weir::server {

// A listener that begins, moves to another address, or (without a socket) ends.
struct ListenerChange {
  telemetry::Direction direction{};
  std::optional<net::ListeningSocket> socket;
};

// Public functions may be called from any thread; start() and stop() from the owner's.
class WorkerThread {
 public:
  WorkerThread(telemetry::Recorder& recorder, proxy::ProcessCounts& counts, std::uint64_t seed);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  // As stop().
  ~WorkerThread();

  void start();
  // Ends the loop whatever is in flight, and waits for the thread.
  void stop();

  // The snapshot first, then the listeners: nobody is accepted under a policy that does not know
  // the listener. What a listener's queue holds when it ends is still accepted.
  void apply(std::shared_ptr<const proxy::Snapshot> snapshot, std::vector<ListenerChange> changes);
  // See proxy::Worker::check_health().
  void check_health();
  // Accepts what waits already and no more, then drains. `drained` is called on this worker's
  // thread, once.
  void drain(std::function<void()> drained);
  // Asks the worker something on its own thread; dropped when it has ended.
  void ask(std::function<void(const proxy::Worker&)> question);

 private:
  class Door final : public net::AcceptEvents {
   public:
    Door(proxy::Worker& worker, telemetry::Direction direction)
        : worker_(worker), direction_(direction) {}
    void on_accept(net::Arrival arrival) override {
      if (auto transport = std::move(arrival).plain()) {
        worker_.accept(direction_, std::move(transport));
      }
    }
    void listen(net::Loop& loop, std::optional<net::ListeningSocket> socket);

   private:
    proxy::Worker& worker_;
    telemetry::Direction direction_;
    std::unique_ptr<net::Listener> listener_;
  };
  Door& door(telemetry::Direction direction) {
    return direction == telemetry::Direction::inbound ? inbound_ : outbound_;
  }

  net::Loop loop_;
  net::TcpConnector connector_{loop_};
  proxy::Worker worker_;
  Door inbound_{worker_, telemetry::Direction::inbound};
  Door outbound_{worker_, telemetry::Direction::outbound};
  std::thread thread_;
};

}  // namespace weir::server
