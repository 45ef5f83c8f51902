// The HTTP/1.1 connections to one endpoint. The most recently used idle one is reused first, so
// that those not needed time out; where too many are idle, the one that has been so the longest
// goes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/approach.h"
#include "weir/upstream/h1_connection.h"
#include "weir/upstream/pool_services.h"

namespace weir::upstream {

class H1Pool final : private H1Owner {
 public:
  // `upstream` names it in the recorder and outlives the pool.
  H1Pool(PoolServices& services, std::string_view upstream);
  ~H1Pool();
  H1Pool(const H1Pool&) = delete;
  H1Pool& operator=(const H1Pool&) = delete;

  // An idle connection with these ends, now its watcher's; or null.
  Call* take_idle(Freshness freshness, const Ends& ends, Wakeable& watcher);
  // A connection that is being made: it counts, and keeps the pool alive, until adopt() or
  // unreserve().
  void reserve() { ++size_; }
  void unreserve() { --size_; }
  // Makes a connection of a fresh transport that was reserved; it is busy until released.
  H1Connection& adopt(std::unique_ptr<net::Transport> transport, const Ends& ends,
                      const policy::Pool& policy, Wakeable& watcher);
  // The same for one that nobody has a request for yet; it is idle.
  void keep(std::unique_ptr<net::Transport> transport, const Ends& ends,
            const policy::Pool& policy);
  // Closes the connection that has been idle the longest; false when none is.
  bool drop_idle();
  std::size_t size() const { return size_; }
  // Closes what is idle, now and from now on.
  void retire();

 private:
  void on_idle(H1Connection& connection) override;
  void on_closed(H1Connection& connection, net::Closed reason) override;
  H1Connection& make(std::unique_ptr<net::Transport> transport, const Ends& ends,
                     const policy::Pool& policy);
  void rest(H1Connection& connection);

  PoolServices& services_;
  std::string_view upstream_;
  policy::Pool policy_;
  List<H1Connection> busy_;
  List<H1Connection> idle_;  // the most recently used last
  std::size_t idle_count_ = 0;
  std::size_t size_ = 0;  // busy, idle and reserved
};

}  // namespace weir::upstream
