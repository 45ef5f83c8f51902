// Where the repository lies, for tests that compare it with the code: the working folder or the
// nearest one above it that holds CMakeLists.txt and config. Not __FILE__, which a compiler cache
// may make relative.
#pragma once

#include <filesystem>

namespace weir {

inline std::filesystem::path repository() {
  auto folder = std::filesystem::current_path();
  while (folder != folder.root_path() &&
         !(exists(folder / "CMakeLists.txt") && exists(folder / "config"))) {
    folder = folder.parent_path();
  }
  return folder;
}

}  // namespace weir
