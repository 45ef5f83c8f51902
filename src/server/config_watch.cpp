#include "weir/server/config_watch.h"

#include <fcntl.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "weir/base/hash.h"

namespace weir::server {
namespace {

constexpr std::uint32_t events_of_interest =
    IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string directory_of(const std::string& path) {
  const auto parent = std::filesystem::path{path}.parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

ConfigWatch::ConfigWatch(net::Loop& loop, std::string path, std::function<void()> changed)
    : loop_(loop),
      path_(std::move(path)),
      directory_(directory_of(path_)),
      changed_(std::move(changed)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      timer_(*this) {
  if (inotify_.open() && !loop_.watch(inotify_.number(), net::Interest::level_read, *this)) {
    inotify_.close();
  }
  watch_directory();
  known_ = fingerprint();
  loop_.scheduler().arm_in(timer_, poll);
}

ConfigWatch::~ConfigWatch() { loop_.forget(*this); }

// Adding a directory that is watched already changes nothing, so it is done again at every look: a
// directory of the same name may be another one by now.
void ConfigWatch::watch_directory() {
  if (!inotify_.open()) return;
  const int watch = ::inotify_add_watch(inotify_.number(), directory_.c_str(), events_of_interest);
  if (watch_ >= 0 && watch != watch_) ::inotify_rm_watch(inotify_.number(), watch_);
  watch_ = watch;
}

void ConfigWatch::on_ready(net::Readiness /*readiness*/) {
  // Which file it was does not matter: contents are compared.
  std::array<char, 4096> events;
  bool any = false;
  while (::read(inotify_.number(), events.data(), events.size()) > 0) any = true;
  if (!any) return;
  // Never put off by further events: a directory that is never quiet must not hide a change.
  const Instant settled = loop_.scheduler().now() + settle;
  if (settled < timer_.due()) loop_.scheduler().arm(timer_, settled);
}

void ConfigWatch::wake() {
  loop_.scheduler().arm_in(timer_, poll);
  watch_directory();
  const auto found = fingerprint();
  if (!found || found == known_) return;
  known_ = found;
  changed_();
}

std::optional<std::uint64_t> ConfigWatch::fingerprint() const {
  const net::Descriptor file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file.open()) return std::nullopt;
  std::string content(64UL * 1024, '\0');
  std::size_t size = 0;
  while (true) {
    const ssize_t count = ::read(file.number(), content.data() + size, content.size() - size);
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    if (size >= compared_bytes) break;
    if (size == content.size()) content.resize(size * 2);
  }
  return stable_hash({content.data(), size});
}

}  // namespace weir::server
