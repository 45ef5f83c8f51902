// Notices that the content of some file has become another, however it was written: in place, by
// rename, or by the swap of a symbolic link (`..data`) as Kubernetes does it for ConfigMaps and
// Secrets.
//
// The directories are watched by inotify; events are gathered for `settle`, then contents are
// compared. Every `poll` the files are looked at regardless, because network file systems, links
// into other directories, vanished directories and exhausted inotify limits send no events. A file
// that cannot be read has not changed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/timer_queue.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"

namespace weir::server {

class FileWatch final : private net::Watcher, private Wakeable {
 public:
  // What the files hold now counts as known. `changed` is called from the loop's top level, once
  // for all that have changed together; it may destroy the watch.
  FileWatch(net::Loop& loop, const std::vector<std::string>& paths, std::function<void()> changed);
  ~FileWatch() override;

  static constexpr Duration settle = std::chrono::milliseconds{100};
  static constexpr Duration poll = std::chrono::seconds{3};
  // What lies beyond in a file is not compared; weir reads no file that large.
  static constexpr std::size_t compared_bytes = 4UL << 20U;

 private:
  struct File {
    std::string path;
    std::optional<std::uint64_t> known;
  };
  void on_ready(net::Readiness readiness) override;
  void wake() override;
  void watch_directories();
  static std::optional<std::uint64_t> fingerprint(const std::string& path);

  net::Loop& loop_;
  std::vector<File> files_;
  std::map<std::string, int> directories_;  // their watches; -1 while one cannot be watched
  std::function<void()> changed_;
  net::Descriptor inotify_;
  Timer timer_;
};

}  // namespace weir::server
