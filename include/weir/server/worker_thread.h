// A thread with an event loop, a proxy worker on it, and the worker's own listeners.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "weir/net/connector.h"
#include "weir/net/listener.h"
#include "weir/net/loop.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/worker.h"
#include "weir/telemetry/record.h"

namespace weir::server {

// A listener that begins with a socket, takes connections to any address from now on, or ends.
struct ListenerChange {
  struct Widen {};
  struct End {};
  proxy::Doorway doorway;
  Address address;  // as the policy gives it
  std::variant<net::ListeningSocket, Widen, End> what;
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
  // Lives as long as its listener.
  class Door final : public net::AcceptEvents {
   public:
    Door(net::Loop& loop, proxy::Worker& worker, const ListenerChange& change,
         net::ListeningSocket socket)
        : worker_(worker),
          doorway_(change.doorway),
          address_(change.address),
          listener_(loop, std::move(socket), *this) {}
    void on_accept(net::Arrival arrival) override { worker_.accept(doorway_, std::move(arrival)); }
    bool is(const ListenerChange& change) const {
      return doorway_ == change.doorway && address_ == change.address;
    }
    void widen() { listener_.reach_any_address(); }
    void close() { listener_.close(); }

   private:
    proxy::Worker& worker_;
    proxy::Doorway doorway_;
    Address address_;
    net::Listener listener_;
  };
  void follow(std::vector<ListenerChange> changes);

  net::Loop loop_;
  net::TcpConnector connector_{loop_};
  proxy::Worker worker_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::thread thread_;
};

}  // namespace weir::server
