#include "weir/server/file_watch.h"

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

FileWatch::FileWatch(net::Loop& loop, const std::vector<std::string>& paths,
                     std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      timer_(*this) {
  if (inotify_.open() && !loop_.watch(inotify_.number(), net::Interest::level_read, *this)) {
    inotify_.close();
  }
  for (const std::string& path : paths) directories_.emplace(directory_of(path), -1);
  watch_directories();
  for (const std::string& path : paths) files_.push_back({path, fingerprint(path)});
  loop_.scheduler().arm_in(timer_, poll);
}

FileWatch::~FileWatch() { loop_.forget(*this); }

// Adding a directory that is watched already changes nothing, so it is done again at every look: a
// directory of the same name may be another one by now.
void FileWatch::watch_directories() {
  if (!inotify_.open()) return;
  for (auto& [directory, known] : directories_) {
    const int watch = ::inotify_add_watch(inotify_.number(), directory.c_str(), events_of_interest);
    if (known >= 0 && watch != known) ::inotify_rm_watch(inotify_.number(), known);
    known = watch;
  }
}

void FileWatch::on_ready(net::Readiness /*readiness*/) {
  // Which file it was does not matter: contents are compared.
  std::array<char, 4096> events;
  bool any = false;
  while (::read(inotify_.number(), events.data(), events.size()) > 0) any = true;
  if (!any) return;
  // Never put off by further events: a directory that is never quiet must not hide a change.
  const Instant settled = loop_.scheduler().now() + settle;
  if (settled < timer_.due()) loop_.scheduler().arm(timer_, settled);
}

void FileWatch::wake() {
  loop_.scheduler().arm_in(timer_, poll);
  watch_directories();
  bool any = false;
  for (File& file : files_) {
    const auto found = fingerprint(file.path);
    if (!found || found == file.known) continue;
    file.known = found;
    any = true;
  }
  if (!any) return;
  const auto changed = changed_;
  changed();
}

std::optional<std::uint64_t> FileWatch::fingerprint(const std::string& path) {
  const net::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
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
