#include "autograd/ops/detail/reduce_plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

struct Group {
  int64_t size, x_stride, y_stride;
  bool away;
};

// Dimensions larger than 1, by x's stride, largest first (expanded ones before all), neighbours
// merged.
std::vector<Group> groups_of(const Layout& x, const Layout& y, DimSet set) {
  std::vector<Group> all, merged;
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape[i] != 1)
      all.push_back({x.shape[i], x.strides[i], y.strides[i], (set >> i & 1) != 0});
  const auto order = [](const Group& g) { return g.x_stride == 0 ? INT64_MAX : g.x_stride; };
  std::stable_sort(all.begin(), all.end(), [&](auto& a, auto& b) { return order(a) > order(b); });
  for (const Group& g : all) {
    Group* last = merged.empty() ? nullptr : &merged.back();
    if (last && last->away == g.away && last->x_stride == g.x_stride * g.size &&
        (g.away || last->y_stride == g.y_stride * g.size)) {
      *last = {last->size * g.size, g.x_stride, g.y_stride, g.away};
    } else {
      merged.push_back(g);
    }
  }
  return merged;
}

struct Plan {
  Layout x, y;  // (outer..., r1, r0, inner)
  bool fits = false;
};

Plan plan(const Layout& x, const Layout& y, DimSet set) {
  Plan p{{{}, {}, x.offset}, {{}, {}, y.offset}};
  std::vector<Group> groups = groups_of(x, y, set);
  const auto add = [&p](const Group& g) {
    p.x.shape.push_back(g.size);
    p.x.strides.push_back(g.x_stride);
    p.y.shape.push_back(g.away ? 1 : g.size);
    p.y.strides.push_back(g.away ? 0 : g.y_stride);
  };
  Group inner{1, 0, 0, false};
  // A few neighbouring columns are better read as separate strided rows.
  if (!groups.empty() && !groups.back().away && groups.back().size >= 8) {
    inner = groups.back();
    groups.pop_back();
  }
  std::vector<Group> away;
  for (const Group& g : groups)
    if (g.away) away.push_back(g);
  p.fits = away.size() <= 2 && groups.size() - away.size() + 3 <= size_t(kMaxRank);
  if (!p.fits) return p;
  while (away.size() < 2) away.insert(away.begin(), {1, 0, 0, true});
  for (const Group& g : groups)
    if (!g.away) add(g);
  add(away[0]);
  add(away[1]);
  add(inner);
  return p;
}

}  // namespace

DimSet dim_set(const char* operation, const Dims& dims, int rank) {
  if (dims.empty()) return (DimSet(1) << rank) - 1;
  DimSet set = 0;
  for (int64_t dim : dims) {
    const int d = wrap_dim(operation, dim, rank);
    check(!(set >> d & 1), operation, ": dimension ", d, " appears twice in ", dims);
    set |= DimSet(1) << d;
  }
  return set;
}

Tensor reduced(const char* operation, Reducer reducer, const Tensor& x, DimSet set, double factor,
               const Tensor& center) {
  Dims shape = x.shape();
  for (int i = 0; i < x.dim(); ++i)
    if (set >> i & 1) shape[i] = 1;
  Tensor y = empty(shape, {.dtype = accumulator(x.dtype()), .device = x.device()});
  if (x.numel() == 0) {
    fill_(y, 0);
    return y;
  }
  Tensor source = x.detach();
  Plan p = plan(source.layout(), y.layout(), set);
  if (!p.fits) {  // copy with the dimensions that stay before those that go
    Dims order;
    for (bool away : {false, true})
      for (int i = 0; i < x.dim(); ++i)
        if (bool(set >> i & 1) == away) order.push_back(i);
    source = copy_of(source.alias(source.layout().permute(operation, order)));
    Dims back = order;
    for (int i = 0; i < x.dim(); ++i) back[int(order[i])] = i;
    p = plan(source.layout().permute(operation, back), y.layout(), set);
  }
  const auto kernel = pick(x.device(), cpu::reduce, cuda::reduce);
  kernel(reducer, view(y.alias(p.y)), view(source.alias(p.x)),
         center ? ConstView(view(center.alias(p.y))) : ConstView(), factor);
  return y;
}

Tensor without(const Tensor& x, DimSet set) {
  Layout layout = x.layout();
  for (int i = x.dim() - 1; i >= 0; --i)
    if (set >> i & 1) layout.shape.erase(i), layout.strides.erase(i);
  return x.alias(layout);
}

Tensor with_ones(const Tensor& x, DimSet set) {
  Layout layout = x.layout();
  for (int i = 0; i < kMaxRank; ++i)
    if (set >> i & 1) layout.shape.insert(i, 1), layout.strides.insert(i, 0);
  return x.alias(layout);
}

}  // namespace papilio
