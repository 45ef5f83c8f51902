// A request and its response on a stream of an HTTP/2 connection.
//
//   connecting --(connection made)--> connected --(start)--> waiting --(final head)--> head
//   connecting --(not made)---------> failed
//   connected  --(start, and no place any more)------------> failed
//   waiting    --(reset, connection lost, malformed ...)---> failed
//
// It belongs to whoever holds the call and may outlive its connection: what has arrived can still
// be read. An upgrade waits for the peer's SETTINGS, which have to allow it (RFC 8441, 3), and a
// 2xx to it is told as the 101 that HTTP/1.1 would have sent.
#pragma once

#include <cstdint>
#include <memory>

#include "weir/base/intrusive.h"
#include "weir/base/recycle.h"
#include "weir/body/h2_sink.h"
#include "weir/body/h2_source.h"
#include "weir/codec/h2_session.h"
#include "weir/upstream/call.h"
#include "weir/upstream/pool_services.h"

namespace weir::upstream {

class H2Connection;

class H2Stream final : public Call, public codec::H2Stream, public Recycled, public Listed {
 public:
  // Waits on `connection`, which it has joined. `watcher` is scheduled whenever progress() changes.
  H2Stream(H2Connection& connection, PoolServices& services, Wakeable& watcher);
  ~H2Stream();
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;

  // Call
  void start(const http::RequestHead& head) override;
  Progress progress() const override { return progress_; }
  resilience::Failure failure() const override { return failure_; }
  bool reached() const override;
  http::ResponseHead& response() override { return response_; }
  void next_head() override;
  http::Source& body() override { return source_; }
  http::Sink& request_body() override { return sink_; }
  void begin_tunnel() override {}  // DATA is raw already
  bool reused() const override { return reused_; }
  bool bytes_written() const override { return head_sent(); }
  void release() override;

  // From the connection. The first ends `connecting`.
  void on_connected();
  void on_settings();
  // Before a stream was opened, or when its connection could not be made.
  void fail(resilience::Failure failure);

 private:
  // What only an upgrade needs.
  struct Upgrade {
    http::RequestHead head;
    std::string accept;  // the answer to its key, which HTTP/2 does not have; empty without one
  };

  void on_response(http::ResponseHead& head) override;
  void on_data(std::span<const char> bytes) override { source_.deliver(bytes); }
  void on_end(const http::Fields* trailers) override { source_.end(trailers); }
  void on_closed(codec::H2Error error) override;
  void send(const http::RequestHead& head);
  void prepare_upgrade(const http::RequestHead& head);
  void translate_upgrade();
  void advance(Progress progress);
  resilience::Failure failure_of(codec::H2Error error) const;
  bool answered() const { return progress_ == Progress::head || later_ != nullptr; }

  PoolServices& services_;
  H2Connection* connection_;  // null once the stream has ended
  Wakeable* watcher_;
  body::H2Source source_;
  body::H2Sink sink_;
  http::ResponseHead response_;
  std::unique_ptr<http::ResponseHead> later_;  // the final head, while an earlier one is unread
  std::unique_ptr<Upgrade> upgrade_;
  std::uint64_t received_before_ = 0;  // by the connection when the request went out
  Progress progress_ = Progress::connecting;
  resilience::Failure failure_ = resilience::Failure::none;
  bool reused_ = false;
  bool proven_ = false;  // the connection had answered before
};

}  // namespace weir::upstream
