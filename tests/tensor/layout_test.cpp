#include "tensor/layout.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

using namespace papilio;

namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

const Layout base{{2, 3, 4}, {12, 4, 1}, 5};

#define THROWS(expression, message) CHECK_THROWS_WITH_AS((void)(expression), message, ArgumentError)

// Where the elements of a layout lie, in row-major order.
std::vector<int64_t> places(const Layout& layout) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < layout.numel(); ++i) {
    int64_t rest = i, at = layout.offset;
    for (int d = layout.rank() - 1; d >= 0; --d) {
      at += rest % layout.shape[d] * layout.strides[d];
      rest /= layout.shape[d];
    }
    result.push_back(at);
  }
  return result;
}

}  // namespace

TEST_CASE("layout: contiguous strides are row-major") {
  CHECK(Layout::contiguous({2, 3, 4}) == Layout{{2, 3, 4}, {12, 4, 1}, 0});
  CHECK(Layout::contiguous({}) == Layout{{}, {}, 0});
  CHECK(Layout::contiguous({}).numel() == 1);
  CHECK(Layout::contiguous({3, 0, 2}).numel() == 0);
  CHECK(Layout::contiguous({kMax}).numel() == kMax);
  THROWS(Layout::contiguous({2, -1}, "zeros"), "zeros: negative size in shape (2, -1)");
  THROWS(Layout::contiguous({int64_t(1) << 32, int64_t(1) << 31}, "zeros"),
         "zeros: shape (4294967296, 2147483648) has more than 2^63 - 1 elements");
  // An empty dimension does not excuse the others: strides would overflow.
  THROWS(Layout::contiguous({0, kMax, 3}, "zeros"),
         "zeros: shape (0, 9223372036854775807, 3) has more than 2^63 - 1 elements");
}

TEST_CASE("layout: is_contiguous looks past sizes of 1 and empty shapes") {
  CHECK(base.is_contiguous());
  CHECK(Layout{{}, {}, 7}.is_contiguous());
  CHECK(Layout{{1, 3}, {99, 1}, 0}.is_contiguous());
  CHECK(Layout{{3, 1}, {1, 99}, 0}.is_contiguous());
  CHECK(Layout{{0, 3}, {7, 7}, 0}.is_contiguous());
  CHECK_FALSE(Layout{{3}, {2}, 0}.is_contiguous());
  CHECK_FALSE(Layout{{3}, {0}, 0}.is_contiguous());
  CHECK_FALSE(Layout{{2, 3}, {1, 2}, 0}.is_contiguous());
  CHECK_FALSE(Layout{{2, 3}, {4, 1}, 0}.is_contiguous());
}

TEST_CASE("layout: dimension numbers wrap") {
  CHECK(wrap_dim("op", 0, 3) == 0);
  CHECK(wrap_dim("op", 2, 3) == 2);
  CHECK(wrap_dim("op", -1, 3) == 2);
  CHECK(wrap_dim("op", -3, 3) == 0);
  THROWS(wrap_dim("op", 3, 3), "op: dimension 3 is out of range for 3 dimensions");
  THROWS(wrap_dim("op", -4, 3), "op: dimension -4 is out of range for 3 dimensions");
  THROWS(wrap_dim("op", 0, 0), "op: dimension 0 is out of range for 0 dimensions");
}

TEST_CASE("layout: transpose and permute") {
  CHECK(base.transpose("op", 0, -1) == Layout{{4, 3, 2}, {1, 4, 12}, 5});
  CHECK(base.transpose("op", 1, 1) == base);
  CHECK(base.transpose("op", 0, 2).transpose("op", 2, 0) == base);
  CHECK(base.permute("op", {2, 0, 1}) == Layout{{4, 2, 3}, {1, 12, 4}, 5});
  CHECK(base.permute("op", {-3, -2, -1}) == base);
  CHECK(Layout{}.permute("op", {}) == Layout{});
  THROWS(base.transpose("op", 0, 3), "op: dimension 3 is out of range for 3 dimensions");
  THROWS(base.permute("op", {0, 1}), "op: expected 3 dimensions, got (0, 1)");
  THROWS(base.permute("op", {0, 2, -1}), "op: dimension 2 appears twice in (0, 2, -1)");
  THROWS(base.permute("op", {0, 1, 3}), "op: dimension 3 is out of range for 3 dimensions");
}

TEST_CASE("layout: slice clips as Python does") {
  CHECK(base.slice("op", 1, 1, 3) == Layout{{2, 2, 4}, {12, 4, 1}, 9});
  CHECK(base.slice("op", -1, 1, 4, 2) == Layout{{2, 3, 2}, {12, 4, 2}, 6});
  CHECK(base.slice("op", 2, 0, 4, 3).shape == Dims{2, 3, 2});
  CHECK(base.slice("op", 2, -3, -1) == Layout{{2, 3, 2}, {12, 4, 1}, 6});
  CHECK(base.slice("op", 2, -100, 100) == base);
  CHECK(base.slice("op", 2, std::numeric_limits<int64_t>::min(), kMax) == base);
  // Nothing left: the offset stays inside.
  CHECK(base.slice("op", 2, 4, 4) == Layout{{2, 3, 0}, {12, 4, 1}, 5});
  CHECK(base.slice("op", 2, 3, 1).shape == Dims{2, 3, 0});
  CHECK(base.slice("op", 2, -1, 2).shape == Dims{2, 3, 0});
  // A step beyond the end leaves one element; its stride does not overflow.
  const Layout one = base.slice("op", 0, 1, 2, kMax);
  CHECK(one.shape == Dims{1, 3, 4});
  CHECK(one.offset == 17);
  CHECK(places(base.slice("op", 0, 1, 2).slice("op", 2, 1, 4, 2)) ==
        std::vector<int64_t>{18, 20, 22, 24, 26, 28});
  THROWS(base.slice("op", 3, 0, 1), "op: dimension 3 is out of range for 3 dimensions");
  THROWS(base.slice("op", 0, 0, 1, 0), "op: expected a step of at least 1, got 0");
  THROWS(base.slice("op", 0, 0, 1, -1), "op: expected a step of at least 1, got -1");
}

TEST_CASE("layout: select") {
  CHECK(base.select("op", 1, 2) == Layout{{2, 4}, {12, 1}, 13});
  CHECK(base.select("op", -1, -4) == Layout{{2, 3}, {12, 4}, 5});
  CHECK(Layout{{3}, {2}, 1}.select("op", 0, 2) == Layout{{}, {}, 5});
  THROWS(base.select("op", 1, 3), "op: index 3 is out of range for dimension 1 of size 3");
  THROWS(base.select("op", 1, -4), "op: index -4 is out of range for dimension 1 of size 3");
  THROWS(Layout::contiguous({0}).select("op", 0, 0),
         "op: index 0 is out of range for dimension 0 of size 0");
}

TEST_CASE("layout: expand") {
  const Layout column{{3, 1}, {2, 7}, 4};
  CHECK(column.expand("op", {3, 5}) == Layout{{3, 5}, {2, 0}, 4});
  CHECK(column.expand("op", {6, -1, 5}) == Layout{{6, 3, 5}, {0, 2, 0}, 4});
  CHECK(column.expand("op", {3, 1}) == column);
  CHECK(column.expand("op", {3, 0}).shape == Dims{3, 0});
  CHECK(Layout{{}, {}, 2}.expand("op", {2, 2}) == Layout{{2, 2}, {0, 0}, 2});
  CHECK_FALSE(column.expand("op", {3, 5}).is_contiguous());
  THROWS(column.expand("op", {4, 1}), "op: cannot expand (3, 1) to (4, 1)");
  THROWS(column.expand("op", {3}), "op: cannot expand (3, 1) to (3)");
  THROWS(column.expand("op", {-1, 3, 1}), "op: cannot expand (3, 1) to (-1, 3, 1)");
  THROWS(column.expand("op", {3, -2}), "op: cannot expand (3, 1) to (3, -2)");
  THROWS(column.expand("op", {kMax, 3, 1}),
         "op: shape (9223372036854775807, 3, 1) has more than 2^63 - 1 elements");
}

TEST_CASE("layout: squeeze and unsqueeze") {
  const Layout x{{1, 3, 1}, {3, 1, 9}, 2};
  CHECK(x.squeeze() == Layout{{3}, {1}, 2});
  CHECK(x.squeeze("op", -1) == Layout{{1, 3}, {3, 1}, 2});
  CHECK(base.squeeze() == base);
  CHECK(Layout{{1, 1}, {1, 1}, 3}.squeeze() == Layout{{}, {}, 3});
  CHECK(base.unsqueeze("op", 0).shape == Dims{1, 2, 3, 4});
  CHECK(base.unsqueeze("op", -1).shape == Dims{2, 3, 4, 1});
  CHECK(base.unsqueeze("op", 3) == base.unsqueeze("op", -1));
  for (int dim = 0; dim <= 3; ++dim) {
    CHECK(base.unsqueeze("op", dim).is_contiguous());
    CHECK(base.unsqueeze("op", dim).squeeze("op", dim) == base);
  }
  THROWS(x.squeeze("op", 1), "op: expected dimension 1 of size 1, got shape (1, 3, 1)");
  THROWS(base.unsqueeze("op", 4), "op: dimension 4 is out of range for 4 dimensions");
  THROWS(Layout::contiguous(Dims::filled(kMaxRank, 1)).unsqueeze("op", 0),
         "tensors have at most 8 dimensions");
}

TEST_CASE("layout: reshape of contiguous elements always fits") {
  const auto [fits, layout] = base.reshape("op", {6, -1});
  CHECK(fits);
  CHECK(layout == Layout{{6, 4}, {4, 1}, 5});
  CHECK(base.reshape("op", {24}).layout == Layout{{24}, {1}, 5});
  CHECK(base.reshape("op", {1, 2, 1, 12}).layout.offset == 5);
  CHECK(Layout{{}, {}, 3}.reshape("op", {1, 1}).layout.offset == 3);
  CHECK(Layout{{1, 1}, {4, 4}, 3}.reshape("op", {}).layout == Layout{{}, {}, 3});
  CHECK(Layout::contiguous({0, 3}).reshape("op", {5, 0}).layout.shape == Dims{5, 0});
  CHECK(Layout{{0, 3}, {1, 0}, 0}.reshape("op", {2, 0}).fits);  // nothing to put in order
  CHECK(Layout::contiguous({0, 3}).reshape("op", {3, -1}).layout.shape == Dims{3, 0});
}

TEST_CASE("layout: reshape keeps strided elements in place where it can") {
  // A transpose: sizes split, but do not join.
  const Layout t = Layout::contiguous({4, 6}).transpose("op", 0, 1);
  CHECK(t.reshape("op", {2, 3, 4}).layout == Layout{{2, 3, 4}, {3, 1, 6}, 0});
  CHECK(t.reshape("op", {6, 2, 2}).layout == Layout{{6, 2, 2}, {1, 12, 6}, 0});
  CHECK_FALSE(t.reshape("op", {24}).fits);
  CHECK(t.reshape("op", {24}).layout == Layout{{24}, {1}, 0});
  CHECK_FALSE(t.reshape("op", {3, 8}).fits);
  // Every second element, rows with a gap, an expanded dimension.
  const Layout step{{6}, {2}, 1};
  CHECK(step.reshape("op", {2, 3}).layout == Layout{{2, 3}, {6, 2}, 1});
  const Layout rows{{2, 3, 4}, {100, 4, 1}, 0};
  CHECK(rows.reshape("op", {2, 12}).layout == Layout{{2, 12}, {100, 1}, 0});
  CHECK_FALSE(rows.reshape("op", {6, 4}).fits);
  CHECK(Layout{{3, 4}, {0, 0}, 2}.reshape("op", {12}).layout == Layout{{12}, {0}, 2});
  CHECK_FALSE(Layout{{3, 4}, {0, 1}, 2}.reshape("op", {12}).fits);
  // Whatever fits shows the same elements in the same order.
  for (const Layout& x :
       {t, step.reshape("op", {3, 2}).layout, rows, base.permute("op", {1, 2, 0}),
        base.unsqueeze("op", 1).transpose("op", 0, 2), base.slice("op", 1, 0, 3, 2)}) {
    for (const Dims& to :
         {Dims{x.numel()}, Dims{2, -1}, Dims{-1, 1, 2}, Dims{1, x.numel() / 2, 1, 2, 1}}) {
      const auto [fits, layout] = x.reshape("op", to);
      CHECK(layout.numel() == x.numel());
      if (fits) CHECK(places(layout) == places(x));
    }
  }
}

TEST_CASE("layout: reshape to another number of elements throws") {
  THROWS(base.reshape("op", {5, 5}), "op: cannot reshape (2, 3, 4) (24 elements) to (5, 5)");
  THROWS(base.reshape("op", {5, -1}), "op: cannot reshape (2, 3, 4) to (5, -1)");
  THROWS(base.reshape("op", {-1, -1}), "op: only one size may be -1, got (-1, -1)");
  THROWS(base.reshape("op", {-2, 12}), "op: negative size in shape (-2, 12)");
  THROWS(Layout::contiguous({0}).reshape("op", {0, -1}), "op: cannot reshape (0) to (0, -1)");
  THROWS(base.reshape("op", {kMax, 3}),
         "op: shape (9223372036854775807, 3) has more than 2^63 - 1 elements");
}

TEST_CASE("layout: broadcast_shapes") {
  CHECK(broadcast_shapes("op", {2, 3}, {2, 3}) == Dims{2, 3});
  CHECK(broadcast_shapes("op", {2, 1}, {3}) == Dims{2, 3});
  CHECK(broadcast_shapes("op", {4, 1, 5}, {3, 1}) == Dims{4, 3, 5});
  CHECK(broadcast_shapes("op", {}, {2, 3}) == Dims{2, 3});
  CHECK(broadcast_shapes("op", {}, {}) == Dims{});
  CHECK(broadcast_shapes("op", {0}, {1}) == Dims{0});
  CHECK(broadcast_shapes("op", {1}, {0}) == Dims{0});
  THROWS(broadcast_shapes("op", {2, 3}, {2, 4}), "op: shapes (2, 3) and (2, 4) do not broadcast");
  THROWS(broadcast_shapes("op", {0}, {2}), "op: shapes (0) and (2) do not broadcast");
}
