// A connection to an endpoint that carries HTTP/2 streams, from before it is made.
//
//   connecting --(connected)--> open --(no new streams)--> leaving --(last stream)--> closed
//   connecting --(refused, or given up by everybody who waited)--------------------> closed
//   open, leaving --(lost, over, idle)---------------------------------------------> closed
//
// It leaves when its requests or its resets are used up, when the peer says GOAWAY, when its pool
// retires it, and when it has been silent so long that it may be dead though nobody said so.
// Everything that a turn of the loop brings is sent at its end, in one write.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/base/intrusive.h"
#include "weir/base/scheduler.h"
#include "weir/codec/h2_session.h"
#include "weir/net/channel.h"
#include "weir/net/closed.h"
#include "weir/upstream/approach.h"
#include "weir/upstream/h2_stream.h"

namespace weir::upstream {

class H2Connection;

// Who owns the connection and destroys it when closed. Its name labels what is counted.
class H2Owner {
 public:
  // standing() is not what it was.
  virtual void on_standing(H2Connection& connection) = 0;
  virtual void on_closed(H2Connection& connection) = 0;
  // No stream is left, and the connection could carry more; it is closed when false.
  virtual bool may_rest(const H2Connection& connection) = 0;
  virtual std::string_view upstream() const = 0;

 protected:
  ~H2Owner() = default;
};

class H2Connection final : private net::ConnectEvents,
                           private net::ChannelEvents,
                           private codec::H2SessionEvents,
                           private Wakeable,
                           public Listed {
 public:
  enum class Standing : std::uint8_t {
    connecting,
    roomy,    // takes another stream
    full,     // by policy or by the peer's SETTINGS
    leaving,  // takes no new streams
    closed
  };

  // Begins to connect. `services` and `owner` outlive it.
  H2Connection(PoolServices& services, H2Owner& owner, const net::Target& target,
               const policy::Pool& policy);
  // Has been made already; begin() once the owner knows it.
  H2Connection(PoolServices& services, H2Owner& owner, std::unique_ptr<net::Transport> transport,
               const Ends& ends, const policy::Pool& policy);
  void begin();

  // A stream that waits if the connection is being made. Only when has_room(). Release it, once.
  H2Stream& join(Wakeable& watcher);
  bool has_room() const;
  // No new streams; closes now if idle, else after the last.
  void retire(net::Closed reason);

  const Ends& ends() const { return ends_; }
  Standing standing() const { return standing_; }
  std::size_t streams() const { return count_; }
  bool carried_nothing() const { return requests_ == 0; }
  bool reached() const { return connecting_ && connecting_->reached(); }
  Instant began() const { return began_; }
  // For its streams. A stream leaves when it has ended, or was given up.
  codec::H2Session& session() { return session_; }
  bool may_open() const { return standing_ != Standing::closed && session_.may_open(); }
  // The peer has told its SETTINGS.
  bool settled() const { return settings_came_; }
  void on_request();
  void on_answer() { answered_ = true; }
  void on_reset_sent();
  void leave(H2Stream& stream);
  bool answered() const { return answered_; }
  bool lost() const { return lost_; }
  bool turned_away() const;
  std::uint64_t received() const { return received_; }  // bytes

  // What a peer can be expected to take before it has told its SETTINGS (RFC 9113, 6.5.2).
  static constexpr std::uint32_t streams_at_first = 100;
  // Peers take so many resets for an attack (nghttp2: 1000, then 33 a second).
  static constexpr std::uint32_t resets_limit = 500;
  // After so long without anything, a request that is given up may have been sent into the void.
  static constexpr Duration silence_limit = std::chrono::seconds{1};

 private:
  class Flusher final : public Wakeable {
   public:
    explicit Flusher(H2Connection& connection) : connection_(connection) {}
    void wake() override { connection_.end_turn(); }

   private:
    H2Connection& connection_;
  };

  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override;
  void on_input() override;
  void on_drained() override;
  codec::H2Stream* on_request(http::RequestHead&) override { return nullptr; }
  void on_malformed(std::string_view) override {}
  void on_flood(codec::H2Flood flood) override;
  void on_output() override { services_.scheduler.ready().schedule_last(flusher_); }
  void on_capacity() override;
  void wake() override;  // the idle timeout

  void decline(net::Closed reason);
  void end_turn();
  void flush();
  void judge();
  void rest();
  void end(net::Closed reason);
  void close(net::Closed reason);
  void stand(Standing standing);
  void find_standing();

  PoolServices& services_;
  H2Owner& owner_;
  Ends ends_;
  policy::Pool policy_;
  Flusher flusher_{*this};
  Timer idle_timer_{*this};
  std::unique_ptr<net::Connecting> connecting_;  // null once made
  std::optional<net::Channel> channel_;
  codec::H2Session session_;
  List<H2Stream> streams_;
  std::size_t count_ = 0;  // of streams_
  Instant began_;
  std::optional<Instant> silent_since_;  // while something is asked and nothing has come
  std::uint64_t received_ = 0;
  std::uint64_t requests_ = 0;
  std::uint32_t resets_ = 0;
  Standing standing_ = Standing::connecting;
  std::optional<net::Closed> reason_;  // why it is leaving
  bool settings_came_ = false;
  bool answered_ = false;
  bool lost_ = false;
};

}  // namespace weir::upstream
