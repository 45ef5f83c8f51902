#include "log_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>

namespace weir::telemetry {
namespace {

std::string message_of(int error) { return std::generic_category().message(error); }

}  // namespace

std::expected<LogOutput, std::string> LogOutput::open(const std::string& path) {
  if (path == "-") return open_standard_output();
  // O_NONBLOCK keeps a named pipe without a reader from holding us up, and means nothing to files.
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return std::unexpected(
        fmt::format("cannot open the access log {}: {}", path, message_of(errno)));
  }
  return LogOutput{descriptor, Kind::plain};
}

std::expected<LogOutput, std::string> LogOutput::open_standard_output() {
  struct stat facts{};
  if (fstat(STDOUT_FILENO, &facts) != 0) {
    return std::unexpected(fmt::format("cannot log to the standard output: {}", message_of(errno)));
  }
  const bool may_block = S_ISFIFO(facts.st_mode) || S_ISCHR(facts.st_mode);
  if (may_block) {
    // A description of our own can be non-blocking without surprising those who share the other.
    // It is refused where the pipe belongs to another user.
    const int own = ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) return LogOutput{own, Kind::plain};
  }
  const int copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    return std::unexpected(fmt::format("cannot log to the standard output: {}", message_of(errno)));
  }
  if (S_ISSOCK(facts.st_mode)) return LogOutput{copy, Kind::socket};
  return LogOutput{copy, may_block ? Kind::blocking : Kind::plain};
}

LogOutput::~LogOutput() {
  if (descriptor_ >= 0) close(descriptor_);
}

LogOutput::Written LogOutput::write(std::string_view bytes) {
  // A pipe that polls as writable takes PIPE_BUF bytes without blocking, and promises no more.
  if (kind_ == Kind::blocking) bytes = bytes.substr(0, PIPE_BUF);
  const ssize_t written = kind_ == Kind::socket ? send(descriptor_, bytes.data(), bytes.size(),
                                                       MSG_DONTWAIT | MSG_NOSIGNAL)
                                                : ::write(descriptor_, bytes.data(), bytes.size());
  if (written >= 0) return {Status::written, static_cast<std::size_t>(written)};
  const bool passing = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {passing ? Status::blocked : Status::failed, 0};
}

}  // namespace weir::telemetry
