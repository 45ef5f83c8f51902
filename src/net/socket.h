// What the listener, the connector and the transport share about sockets.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "weir/base/address.h"
#include "weir/net/transport.h"

namespace weir::net {

// An Address as the kernel wants it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  SocketAddress() = default;
  explicit SocketAddress(const Address& address) : SocketAddress(address, address.port()) {}
  // With this port in place of the address's own.
  SocketAddress(const Address& address, std::uint16_t port);
  Address address() const;
  sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&storage)); }
  const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&storage));
  }
};

// Which name of a connected or bound socket to ask for.
enum class Side : std::uint8_t { local, peer };
// 0.0.0.0:0 when the kernel does not know.
Address name_of(int socket, Side side);

// Non-blocking, closed on exec; -1 and errno on failure.
int open_stream_socket(Address::Family family);
void set_option(int socket, int level, int option, int value);
// Lets the socket stand for addresses that are not ours; errno, or 0. Needs CAP_NET_ADMIN.
int make_transparent(int socket, Address::Family family);
// The same for a socket that connects from such an address: its connection bears the mark by which
// rules and routes bring the answers here.
int stand_for_others(int socket, Address::Family family);
// Between two programs of one machine there is no congestion to control. The plainest algorithm
// spares the kernel the model of the path and the pacing timers that the machine's default may
// bring (BBR).
void spare_congestion_control(int socket, const Address& peer);

// Urgent bytes stay in their place among the others (RFC 6093, 5), where they would be dropped.
void keep_urgent_in_line(int socket);

// Whether the loop watches a socket already, on behalf of who made the connection.
enum class Watched : std::uint8_t { no, yes };

IoError io_error(int error_number);
ConnectError connect_error(int error_number);

}  // namespace weir::net
