// Python's pickles as CIFAR's files are: lists, dictionaries, texts, numbers and NumPy arrays of
// bytes. Nothing is run: a pickle names functions, and of these only NumPy's own for making arrays
// are understood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

// A pickle's values.
class Pickle {
 public:
  // Lists are tuples, too.
  enum class Kind { none, number, text, list, dict, function, dtype, array };
  // One of them; which members count depends on the kind.
  struct Value {
    Kind kind = Kind::none;
    int64_t number = 0;          // also of truth values
    std::string_view text = {};  // inside the pickle; a function's "module name"; an array's bytes
    std::vector<size_t> items = {};  // of lists and tuples, keys and values of dictionaries by
                                     // turns, an array's sizes; at() has them
  };

  // Protocols 2 to 5. Throws FileError, beginning with `name`, for anything else, other functions
  // and more than a million values.
  Pickle(std::string_view bytes, std::string name);

  // What was pickled.
  const Value& root() const { return values_[root_]; }
  // The value that items refer to.
  const Value& at(size_t index) const { return values_[index]; }
  // The value of a text key, or null.
  const Value* find(const Value& dict, std::string_view key) const;

 private:
  friend class PickleMachine;

  std::string name_;
  std::vector<Value> values_;  // referring to each other by position: no cycle needs an owner
  size_t root_ = 0;
};

}  // namespace papilio::nn
