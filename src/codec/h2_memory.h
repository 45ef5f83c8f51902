// nghttp2's memory from the worker's cache, so that a warm request does not reach the heap.
#pragma once

#include <nghttp2/nghttp2.h>

namespace weir::codec {

// Lives as long as the process; nghttp2 keeps a copy and changes nothing in it.
nghttp2_mem* h2_memory();

}  // namespace weir::codec
