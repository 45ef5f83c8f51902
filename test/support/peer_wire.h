// Blocking sockets and a plain HTTP/1.1 reader for the test peers. Deliberately not weir's codec:
// a test peer that shared it would share its mistakes.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace peer {

struct Call {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string body;                                         // the first MiB of it
  std::uint64_t body_size = 0;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::uint64_t connection = 0;
  bool close = false;  // the caller asked for it

  std::string_view find(std::string_view name) const;
};

// Exits the process when the address cannot be bound.
int listen_on(const std::string& address, std::uint16_t port);
// A connected descriptor; -1 when the listener has been shut down.
int accept_on(int listener);
// -1 when refused.
int connect_to(const std::string& address, std::uint16_t port);

template <class Condition>
void wait_while(Condition condition) {
  while (condition()) std::this_thread::sleep_for(std::chrono::milliseconds{2});
}

// One connection; owns its descriptor.
class Wire {
 public:
  explicit Wire(int descriptor) : descriptor_(descriptor) {}
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // The next request with its body; answers `Expect: 100-continue` by itself. nullopt at the end
  // or when it cannot be read. With a pace above zero the body is read at most so fast.
  std::optional<Call> read_call(unsigned kib_per_second = 0);
  bool send(std::string_view bytes);
  // Ends the connection with RST.
  void reset();
  // Waits for at most `limit`; true when the other side closed meanwhile.
  bool peer_gone(std::chrono::milliseconds limit);

  // For clients and tunnels: whatever comes next; empty at the end. Takes what was read ahead
  // first.
  std::string read_some();
  // Until CR LF CR LF, which is taken too; nullopt at the end.
  std::optional<std::string> read_head();
  std::optional<std::string> read_line();
  bool read_exactly(std::size_t count, std::string* into);

 private:
  bool fill();
  bool read_chunks(Call& call);
  bool read_body(Call& call, std::uint64_t size);
  int descriptor_;
  unsigned pace_ = 0;
  std::string buffer_;
};

}  // namespace peer
