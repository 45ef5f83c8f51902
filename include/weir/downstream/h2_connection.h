// HTTP/2 on an accepted connection (RFC 9113): bytes to streams, and what the connection as a whole
// is limited to.
//
//   serving   --(drain, idle timeout, requests used up)--> notified   GOAWAY that refuses nothing
//   notified  --(a grace of a second)--------------------> refusing   GOAWAY with the last stream
//   any       --(flood, stall, slow head)----------------> condemned  GOAWAY with the error
//   any       --(the session is over and has been sent)--> lingering  our side has ended
//   any       --(end, broken)----------------------------> gone
//   lingering --(end, broken, linger time)---------------> gone
//   gone      --(no exchange is left)--------------------> closed
//
// Requests are handed over only after everything that came with them was read, so what is reset in
// the same breath costs nothing. An exchange counts against `streams` until the handler has
// finished it, not until its stream has been reset. What the session has to say is sent at the end
// of the turn. While the caller takes nothing, input is still read: it holds at most a window per
// stream, and what must be answered is bounded by the session.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/base/intrusive.h"
#include "weir/base/scheduler.h"
#include "weir/codec/h2_session.h"
#include "weir/downstream/connection.h"
#include "weir/downstream/h2_stream.h"

namespace weir::downstream {

class H2Connection final : public Protocol, private codec::H2SessionEvents, private Wakeable {
 public:
  // The client's preface has arrived; on_input() follows.
  explicit H2Connection(const Accepted& accepted);
  ~H2Connection() override;

  void on_input() override;
  void on_drained() override;
  void drain() override;

  // For the streams.
  codec::H2Session& session() { return session_; }
  Scheduler& scheduler() { return accepted_.scheduler; }
  const Address& peer() const { return accepted_.channel.peer(); }
  const Address& local() const { return accepted_.channel.local(); }
  const net::TlsPeer* tls() const { return accepted_.channel.tls(); }
  const std::optional<Address>& destination() const { return accepted_.connection.destination(); }
  const policy::Limits& limits() const { return accepted_.limits; }
  Random& random() { return accepted_.random; }
  // The handler has finished with a stream.
  void on_done(H2Stream& stream, Ending ending);
  // The session knows it no more.
  void on_stream_closed(H2Stream& stream);
  // A header section has come to its end.
  void on_section() { section_began_.reset(); }
  // DATA of some stream has gone out.
  void on_progress() { progress_ = accepted_.scheduler.now(); }

 private:
  enum class Phase : std::uint8_t {
    serving,
    notified,
    refusing,
    condemned,
    lingering,
    gone,
    closed
  };

  // codec::H2SessionEvents
  codec::H2Stream* on_request(http::RequestHead& head) override;
  void on_malformed(std::string_view reason) override;
  void on_flood(codec::H2Flood flood) override;
  void on_output() override { send_later(); }
  void on_capacity() override {}

  // At the end of the turn.
  class Sender final : public Wakeable {
   public:
    explicit Sender(H2Connection& connection) : connection_(connection) {}
    void wake() override { connection_.send(); }

   private:
    H2Connection& connection_;
  };

  void wake() override;
  void send_later() { accepted_.scheduler.ready().schedule_last(sender_); }
  void send();
  void watch_head();
  void hand_over();
  void bury(H2Stream& stream);
  void forget(H2Stream& stream);
  void check_for_stall();
  void on_phase_timer();
  void shut_down(net::Closed reason);
  void refuse();
  void condemn(net::Closed reason);
  void linger();
  void leave(net::Closed reason);
  void settle();
  void await_end();
  bool talking() const { return phase_ < Phase::lingering; }
  bool empty() const { return exchanges_ == 0 && session_.streams() == 0; }

  Accepted accepted_;
  codec::H2Session session_;
  Sender sender_{*this};
  List<H2Stream> arrived_;
  List<H2Stream> running_;
  List<H2Stream> answered_;
  List<H2Stream> dead_;                    // destroyed when nobody is on the stack any more
  std::vector<http::RequestHead> spares_;  // whose memory the next requests use
  Timer phase_timer_{*this};
  Timer head_timer_{*this};
  Timer stall_timer_{*this};
  std::optional<Instant> section_began_;  // of an unfinished head
  std::uint64_t requests_ = 0;
  std::size_t dropped_ = 0;      // bytes that came after the connection was given up
  std::uint32_t exchanges_ = 0;  // that the handler has not finished, or has not begun
  Phase phase_ = Phase::serving;
  std::optional<net::Closed> reason_;
  Instant progress_{};
};

}  // namespace weir::downstream
