// A stream of an HTTP/2 session (codec/h2_session.h), as its owner sees it.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "weir/codec/h2_error.h"
#include "weir/http/message.h"

namespace weir::codec {

// Where the DATA of a stream comes from.
class H2Outgoing {
 public:
  struct Offer {
    std::size_t bytes = 0;  // that can be taken now, at most what was asked for
    bool last = false;      // nothing follows these
  };
  virtual Offer offer(std::size_t at_most) = 0;
  // Appends `bytes` of what was offered last to `output`.
  virtual void take(std::size_t bytes, std::string& output) = 0;
  // Asked with the last bytes: trailer fields, or null.
  virtual const http::Fields* trailers() const = 0;

 protected:
  ~H2Outgoing() = default;
};

// Clients: whether the session itself reset a stream, for what came on it.
enum class H2Refusal : std::uint8_t { none, malformed, head_too_large };

// What the session keeps of a stream, inside the stream's object.
class H2StreamLink {
 public:
  std::uint32_t id() const { return id_; }
  // Known to the session: neither closed nor forgotten.
  bool open() const { return open_; }
  // The head that we sent has been serialised: the peer may have seen it.
  bool head_sent() const { return head_sent_; }
  // Known in on_closed(): it tells our PROTOCOL_ERROR from the peer's.
  H2Refusal refusal() const { return refusal_; }

 private:
  friend class H2Session;
  std::uint32_t id_ = 0;
  http::Method request_ = http::Method::get;  // clients: what was asked
  H2Refusal refusal_ = H2Refusal::none;
  bool open_ = false;
  bool head_sent_ = false;
  bool sent_all_ = false;          // END_STREAM has been serialised
  bool received_all_ = false;      // END_STREAM has come
  bool has_final_head_ = false;    // clients: what comes next are trailers
  bool reset_ = false;             // by us
  bool resets_when_sent_ = false;  // once END_STREAM has been serialised
  H2Outgoing* outgoing_ = nullptr;
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
      hook_;
};

// One stream as the session sees it. Outlives the session's use of it: until on_closed(), or until
// forget().
class H2Stream : public H2StreamLink {
 public:
  // Clients: a response's head, informational ones too; swap it out.
  virtual void on_response(http::ResponseHead& head) = 0;
  // `bytes` count against the stream's window until consumed().
  virtual void on_data(std::span<const char> bytes) = 0;
  // The peer has sent everything; `trailers` may be null and are valid during the call.
  virtual void on_end(const http::Fields* trailers) = 0;
  // Over in both directions (no_error), or reset by either side, or with its connection. Without an
  // on_end() before it the message was cut off, whatever `error` says.
  virtual void on_closed(H2Error error) = 0;

 protected:
  ~H2Stream() = default;
};

}  // namespace weir::codec
