// The HTTP/2 connections to one endpoint: as few as can carry the streams.
//
// A call goes to the connection that was the last to be full or to be made, until that is full; so
// those at the other end fall idle and time out, without a search. It waits on one that is
// being made before another is.
#pragma once

#include <cstddef>
#include <string_view>

#include "weir/net/transport.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/approach.h"
#include "weir/upstream/h2_connection.h"
#include "weir/upstream/pool_services.h"

namespace weir::upstream {

class H2Pool final : private H2Owner {
 public:
  // `upstream` names it in the recorder and outlives the pool.
  H2Pool(PoolServices& services, std::string_view upstream);
  ~H2Pool();
  H2Pool(const H2Pool&) = delete;
  H2Pool& operator=(const H2Pool&) = delete;

  // A stream on a connection with these ends that is there or being made; null when none has room.
  Call* join(const policy::Upstream& policy, Freshness freshness, const Ends& ends,
             Wakeable& watcher);
  // A stream on a new connection to `target`.
  Call& connect(const net::Target& target, const policy::Upstream& policy, Wakeable& watcher);
  // A connection that has been made, and that nobody has a request for yet.
  H2Connection& adopt(std::unique_ptr<net::Transport> transport, const Ends& ends,
                      const policy::Pool& policy);
  // Closes a connection without streams; false when there is none.
  bool drop_idle();
  std::size_t size() const { return size_; }
  // Some connection is there over which requests go, now or when there is room.
  bool proven() const { return !roomy_.empty() || !full_.empty(); }
  // Closes what is idle, now and from now on.
  void retire();

 private:
  void on_standing(H2Connection& connection) override;
  void on_closed(H2Connection& connection) override;
  bool may_rest(const H2Connection& connection) override;
  std::string_view upstream() const override { return upstream_; }
  List<H2Connection>& list_of(H2Connection::Standing standing);

  PoolServices& services_;
  std::string_view upstream_;
  policy::Pool policy_;
  List<H2Connection> connecting_;
  List<H2Connection> roomy_;  // the next to be used first
  List<H2Connection> full_;
  List<H2Connection> leaving_;
  std::size_t size_ = 0;
};

}  // namespace weir::upstream
