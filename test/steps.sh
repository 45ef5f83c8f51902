# The steps of test/run, sourced by it. Each prints what it does and, for every suite, a line
# `N passed, N failed, N skipped`; a step that cannot run prints `skipped: why` and returns 77.

skip() {
  echo "skipped: $*"
  return 77
}

have() { command -v "$1" >/dev/null; }

# configure FOLDER OPTION...
configure() {
  local folder=$1
  shift
  cmake -S . -B "$folder" -G Ninja "$@" >"$folder.cmake.log" 2>&1 || {
    cat "$folder.cmake.log"
    return 1
  }
}

RELEASE_BUILT=
build_release() {
  [[ -n $RELEASE_BUILT ]] && return
  configure "$RELEASE" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DWEIR_TESTS=ON -DWEIR_BENCH=ON &&
    ninja -C "$RELEASE" -j "$JOBS" --quiet && RELEASE_BUILT=yes
}

# gtest PROGRAM ARGUMENT...: all tests of a program, in as many shards at once as there are jobs.
gtest() {
  local program=$1 shard code=0 pids=() output
  shift
  output=$(mktemp -d)
  for ((shard = 0; shard < JOBS; shard++)); do
    GTEST_TOTAL_SHARDS=$JOBS GTEST_SHARD_INDEX=$shard \
      timeout 900 ${RUN_UNDER:-} "$program" --gtest_brief=1 "$@" >"$output/$shard" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
  cat "$output"/*
  # A program that died early has no summary; what it did not get to has failed.
  awk -v program="${program##*/}" '
    /^\[  PASSED  \]/ { passed += $4; ended++ }
    /^\[  FAILED  \] [0-9]+ tests?, listed/ { failed += $4 }
    /^\[  SKIPPED \] [0-9]+ tests?/ { skipped += $4 }
    END {
      for (; ended < '"$JOBS"'; ended++) { print program " did not end properly"; failed++ }
      print passed + 0 " passed, " failed + 0 " failed, " skipped + 0 " skipped"
    }' "$output"/*
  rm -rf "$output"
  return $code
}

step_build() { build_release; }

step_unit() { build_release && gtest "$RELEASE/weir_unit"; }

step_sim() { build_release && gtest "$RELEASE/weir_sim"; }

step_arch() {
  local weir=()
  build_release && weir=(--weir "$RELEASE/weir")
  python3 test/arch/arch.py "${weir[@]}"
}

step_format() {
  have clang-format-$CLANG || { skip "clang-format-$CLANG is not installed"; return; }
  local failed=0 passed=0 file
  while read -r file; do
    if clang-format-$CLANG --dry-run -Werror "$file"; then ((++passed)); else ((++failed)); fi
  done < <(find src include test bench -name '*.h' -o -name '*.cpp')
  echo "$passed passed, $failed failed, 0 skipped"
  ((failed == 0))
}

step_tidy() {
  have clang-tidy-$CLANG || { skip "clang-tidy-$CLANG is not installed"; return; }
  configure "$RELEASE" -DWEIR_TESTS=ON -DWEIR_BENCH=ON &&
    python3 test/arch/tidy.py --build "$RELEASE" --jobs "$JOBS" --seconds "$TIDY_SECONDS"
}

step_e2e() { build_release && timeout 900 "$PYTHON" test/e2e/run --weir "$RELEASE/weir"; }

# Needs packages that test/run does not install by itself; where they are missing, it says so.
step_container() {
  build_release && timeout --kill-after=120 900 test/container/run --weir "$RELEASE/weir"
}

# Tests are the same under the sanitizers, but shorter where they have numbers.
sanitized() {
  local folder=build/$1 sanitizers=$2
  configure "$folder" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DWEIR_TESTS=ON -DWEIR_SANITIZE="$sanitizers" &&
    ninja -C "$folder" -j "$JOBS" --quiet || return 1
  local code=0
  export WEIR_SIM_RUNS=${WEIR_SIM_RUNS:-200} WEIR_MEMORY_MIB=400
  gtest "$folder/weir_unit" || code=1
  gtest "$folder/weir_sim" || code=1
  timeout 600 ${RUN_UNDER:-} "$PYTHON" test/e2e/run --weir "$folder/weir" --upload-mb 20 "${@:3}" || code=1
  return $code
}

step_address() {
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  sanitized address address,undefined -k proxying -k failover -k smuggling -k reload \
    -k http2_malformed -k websocket -k grpc. -k tls. -k tunnels.
}

step_thread() {
  # Its shadow memory does not go with every layout that the kernel may choose.
  local RUN_UNDER
  RUN_UNDER="setarch $(uname -m) -R"
  $RUN_UNDER true 2>/dev/null || RUN_UNDER=
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/test/tsan.supp
  sanitized thread thread -k failover -k reload
}

step_fuzz() {
  have clang++-$CLANG || { skip "clang-$CLANG is not installed"; return; }
  local folder=build/fuzz source name passed=0 failed=0 broken=
  configure "$folder" -DCMAKE_CXX_COMPILER=clang++-$CLANG -DCMAKE_C_COMPILER=clang-$CLANG \
    -DWEIR_TESTS=OFF -DWEIR_FUZZ=ON &&
    ninja -C "$folder" -j "$JOBS" --quiet weir_fuzzers || return 1
  for source in test/fuzz/*_fuzz.cpp; do
    name=$(basename "$source" .cpp)
    mkdir -p "$folder/corpus/$name" "test/fuzz/corpus/${name%_fuzz}"
    echo "== $name for $FUZZ_SECONDS s"
    # What is found new stays in the build tree; a crash is kept there, to become a test.
    if "$folder/weir_$name" -max_total_time="$FUZZ_SECONDS" -timeout=5 -rss_limit_mb=1024 \
      -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$folder/$name-" \
      "$folder/corpus/$name" "test/fuzz/corpus/${name%_fuzz}"; then
      ((++passed))
    else
      ((++failed))
      broken+=" $name"
    fi
  done
  for name in $broken; do
    echo "$name failed on"
    base64 "$folder/$name"-*
  done
  echo "$passed passed, $failed failed, 0 skipped"
  ((failed == 0))
}

# Every micro benchmark runs once, briefly: that it works, not how fast it is.
step_bench() {
  build_release || return 1
  local source name passed=0 failed=0
  for source in bench/micro/*_bench.cpp; do
    name=$(basename "$source" .cpp)
    if timeout 120 "$RELEASE/weir_$name" --benchmark_min_time=0.01; then
      ((++passed))
    else
      echo "$name failed" && ((++failed))
    fi
  done
  echo "$passed passed, $failed failed, 0 skipped"
  ((failed == 0))
}
