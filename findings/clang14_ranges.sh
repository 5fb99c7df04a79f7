#!/bin/bash
# clang 14.0.6 with libstdc++ 12.2.0 (both Debian 12's): std::ranges::unique does not compile.
#
# ranges::unique, remove and others return a std::ranges::subrange; its base view_interface has members whose constraints
# clang 14 checks before the class is complete (llvm issue 44178), which libstdc++ 12 does not expect. The program is
# valid C++20, and g++ 12 takes it. Sorting and searching, which return iterators, are no obstacle, so that most of
# <algorithm>'s ranges work and one learns of the others in a build with clang.
# Seen: "no matching function for call to '__begin'", "constraints not satisfied"; std::unique in its place compiles.
# It takes Debian 12's package sources.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
readonly clang=1:14.0.6-12 gcc=12.2.0-14+deb12u1
apt-get -q -o APT::Sandbox::User=root download "clang-14=$clang" "libclang-cpp14=$clang" "libllvm14=$clang" \
  "libclang-common-14-dev=$clang" "libstdc++-12-dev=$gcc" "libgcc-12-dev=$gcc" libedit2 libz3-4 libxml2 libtinfo6 libbsd0 \
  libmd0 libicu72 libgcc-s1 libstdc++6 > /dev/null
for package in *.deb; do dpkg -x "$package" root; done
compile() {
  LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu:root/usr/lib/llvm-14/lib root/usr/lib/llvm-14/bin/clang++ \
    --gcc-toolchain=root/usr -std=c++20 -fsyntax-only "$1" 2>&1
}
cat > ranges.cpp <<'CPP'
#include <algorithm>
#include <vector>
void f(std::vector<int>& v) { std::ranges::sort(v); v.erase(std::ranges::unique(v).begin(), v.end()); }
CPP
sed 's/std::ranges::unique(v).begin()/std::unique(v.begin(), v.end())/' ranges.cpp > plain.cpp
compile plain.cpp || { echo "std::unique does not compile either"; exit 1; }
if said=$(compile ranges.cpp); then
  echo "std::ranges::unique compiles now"
  exit 1
fi
grep -m 1 "no matching function for call to '__begin'" <<< "$said" || { echo "$said"; exit 1; }
