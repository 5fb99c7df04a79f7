#include "nn/data/formats/detail/pickle.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace papilio::nn {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

// The stack machine that a pickle is a program of (pickletools.py of CPython lists its opcodes).
class PickleMachine {
 public:
  PickleMachine(Pickle& pickle, std::string_view bytes) : pickle_(pickle), bytes_(bytes) {}

  void run() {
    while (step(char(integer(1)))) {
    }
    pickle_.root_ = pop();
  }

 private:
  static constexpr size_t kMostValues = 1'000'000;
  static constexpr const char* kNotOfBytes = "holds an array that is not of bytes in C's order";
  static constexpr const char* kTooMuch = "holds more than a million values";

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(pickle_.name_ + ": the pickle " + what);
  }
  void require(bool good, const char* what) const {
    if (!good) fail(what);
  }

  std::string_view take(uint64_t count) {
    require(count <= bytes_.size(), "ends too early");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  // Little-endian.
  uint64_t integer(unsigned bytes) {
    uint64_t value = 0;
    const std::string_view taken = take(bytes);
    for (unsigned i = 0; i < bytes; ++i)
      value |= uint64_t(static_cast<unsigned char>(taken[i])) << 8 * i;
    return value;
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n');
    require(end != bytes_.npos, "ends too early");
    return take(end + 1).substr(0, end);
  }

  void push(Value value) {
    require(pickle_.values_.size() < kMostValues, kTooMuch);
    push_again(pickle_.values_.size());
    pickle_.values_.push_back(std::move(value));
  }
  void push_again(size_t index) {
    require(++pushed_ <= 4 * kMostValues, kTooMuch);
    stack_.push_back(index);
  }
  void push_text(uint64_t size) { push({Kind::text, 0, take(size)}); }
  void push_number(int64_t number) { push({Kind::number, number}); }
  size_t pop() {
    require(!stack_.empty() && (marks_.empty() || stack_.size() > marks_.back()),
            "takes from an empty stack");
    const size_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::vector<size_t> pop(size_t count) {
    std::vector<size_t> popped(count);
    for (size_t i = count; i > 0; --i) popped[i - 1] = pop();
    return popped;
  }
  std::vector<size_t> pop_to_mark() {
    require(!marks_.empty(), "lacks a mark");
    std::vector<size_t> popped(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return popped;
  }
  Value& top(Kind kind) {
    require(!stack_.empty() && value(stack_.back()).kind == kind, "changes what cannot be changed");
    return pickle_.values_[stack_.back()];
  }
  const Value& value(size_t index) const { return pickle_.values_[index]; }

  void extend(Kind kind, const std::vector<size_t>& more) {
    std::vector<size_t>& items = top(kind).items;
    items.insert(items.end(), more.begin(), more.end());
    require(kind != Kind::dict || items.size() % 2 == 0, "has a key without a value");
  }
  void remember(uint64_t slot) {
    require(!stack_.empty(), "takes from an empty stack");
    require(memo_.size() < kMostValues, kTooMuch);
    memo_[slot] = stack_.back();
  }
  void recall(uint64_t slot) {
    const auto found = memo_.find(slot);
    require(found != memo_.end(), "recalls what it never saw");
    push_again(found->second);
  }

  void push_function(std::string_view module, std::string_view name);
  void call();
  void build();
  std::vector<size_t> sizes(size_t index) const;
  bool step(char opcode);
  bool step_values(char opcode);
  bool step_memo(char opcode);

  Pickle& pickle_;
  std::string_view bytes_;
  std::vector<size_t> stack_, marks_;
  std::map<uint64_t, size_t> memo_;
  size_t pushed_ = 0;
};

void PickleMachine::push_function(std::string_view module, std::string_view name) {
  const bool core = module.starts_with("numpy.core.") || module.starts_with("numpy._core.");
  const bool known = (core && (name == "_reconstruct" || name == "_frombuffer")) ||
                     (module == "numpy" && (name == "ndarray" || name == "dtype"));
  if (!known) {
    fail(str("asks for ", module, ".", name,
             "; only NumPy's arrays of bytes are read, and nothing is run"));
  }
  push({Kind::function, 0, name});
}

// A function of a tuple.
void PickleMachine::call() {
  const std::vector<size_t> both = pop(2);
  require(value(both[0]).kind == Kind::function && value(both[1]).kind == Kind::list,
          "calls no function");
  const std::string_view function = value(both[0]).text;
  const std::vector<size_t>& a = value(both[1]).items;
  if (function == "_reconstruct") {
    push({Kind::array});
  } else if (function == "dtype" && !a.empty() && value(a[0]).kind == Kind::text) {
    push({Kind::dtype, 0, value(a[0]).text});
  } else if (function == "_frombuffer" && a.size() == 4) {
    require(value(a[1]).text == "u1" && value(a[3]).text == "C", kNotOfBytes);
    push({Kind::array, 0, value(a[0]).text, sizes(a[2])});
  } else {
    fail("calls a function with unknown arguments");
  }
}

// An array's state is (version, sizes, dtype, whether columns come first, bytes).
void PickleMachine::build() {
  const Value& state = value(pop());
  require(!stack_.empty(), "takes from an empty stack");
  if (value(stack_.back()).kind == Kind::dtype) return;
  Value& array = top(Kind::array);
  const std::vector<size_t>& s = state.items;
  require(state.kind == Kind::list && s.size() == 5 && value(s[2]).kind == Kind::dtype &&
              value(s[2]).text == "u1" && value(s[3]).number == 0 && value(s[4]).kind == Kind::text,
          kNotOfBytes);
  array.text = value(s[4]).text;
  array.items = sizes(s[1]);
}

// The sizes of an array's dimensions.
std::vector<size_t> PickleMachine::sizes(size_t index) const {
  const Value& list = value(index);
  require(list.kind == Kind::list && list.items.size() <= 4, kNotOfBytes);
  return list.items;
}

// Opcodes that push numbers and texts.
bool PickleMachine::step_values(char opcode) {
  switch (opcode) {
    case 'N':
      push({});
      return true;
    case '\x88':
    case '\x89':
      push_number(opcode == '\x88');
      return true;
    case 'K':
      push_number(int64_t(integer(1)));
      return true;
    case 'M':
      push_number(int64_t(integer(2)));
      return true;
    case 'J':
      push_number(int32_t(integer(4)));
      return true;
    case '\x8a': {  // of as many bytes as it says
      const auto bytes = unsigned(integer(1));
      require(bytes <= 8, "holds a number of more than 64 bits");
      const unsigned unused = 64 - 8 * bytes;
      push_number(bytes == 0 ? 0 : int64_t(integer(bytes) << unused) >> unused);
      return true;
    }
    case 'U':
    case 'C':
    case '\x8c':
      push_text(integer(1));
      return true;
    case 'T':
    case 'B':
    case 'X':
      push_text(integer(4));
      return true;
    case '\x8d':
    case '\x8e':
    case '\x96':
      push_text(integer(8));
      return true;
    default:
      return false;
  }
}

// What has been met before; false for another opcode.
bool PickleMachine::step_memo(char opcode) {
  switch (opcode) {
    case 'q':
      remember(integer(1));
      return true;
    case 'r':
      remember(integer(4));
      return true;
    case '\x94':
      remember(memo_.size());
      return true;
    case 'h':
      recall(integer(1));
      return true;
    case 'j':
      recall(integer(4));
      return true;
    default:
      return false;
  }
}

// Whether it goes on.
bool PickleMachine::step(char opcode) {
  if (step_values(opcode) || step_memo(opcode)) return true;
  switch (opcode) {
    case '\x80':
      require(integer(1) <= 5, "has an unknown protocol");
      break;
    case '\x95':  // a frame's length
      take(8);
      break;
    case '(':
      require(marks_.size() < kMostValues, kTooMuch);
      marks_.push_back(stack_.size());
      break;
    case '}':
      push({Kind::dict});
      break;
    case ']':
    case ')':
      push({Kind::list});
      break;
    case '\x85':
    case '\x86':
    case '\x87': {
      std::vector<size_t> items = pop(size_t(static_cast<unsigned char>(opcode) - 0x84));
      push({Kind::list, 0, {}, std::move(items)});
      break;
    }
    case 't':
    case 'l': {
      std::vector<size_t> items = pop_to_mark();
      push({Kind::list, 0, {}, std::move(items)});
      break;
    }
    case 'a':
      extend(Kind::list, pop(1));
      break;
    case 'e':
      extend(Kind::list, pop_to_mark());
      break;
    case 's':
      extend(Kind::dict, pop(2));
      break;
    case 'u':
      extend(Kind::dict, pop_to_mark());
      break;
    case 'c': {
      const std::string_view module = line();
      push_function(module, line());
      break;
    }
    case '\x93': {
      const std::vector<size_t> names = pop(2);
      push_function(value(names[0]).text, value(names[1]).text);
      break;
    }
    case 'R':
      call();
      break;
    case 'b':
      build();
      break;
    case '.':
      return false;
    default:
      fail(str("holds the opcode ", int(static_cast<unsigned char>(opcode)),
               ", which no file of pictures needs"));
  }
  return true;
}

Pickle::Pickle(std::string_view bytes, std::string name) : name_(std::move(name)) {
  check<FileError>(bytes.starts_with('\x80'), name_, ": expected a pickle of protocol 2 to 5");
  PickleMachine(*this, bytes).run();
}

const Value* Pickle::find(const Value& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  const Value* found = nullptr;  // the last one counts
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Value& k = at(dict.items[i]);
    if (k.kind == Kind::text && k.text == key) found = &at(dict.items[i + 1]);
  }
  return found;
}

}  // namespace papilio::nn
