// DLPack's structures, as its specification lays them out (version 1.0, github.com/dmlc/dlpack).
#pragma once

#include <cstdint>

namespace papilio::python::dlpack {

enum Code : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6 };
enum DeviceType : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3 };
constexpr uint64_t kReadOnly = 1, kCopied = 2;  // flags

struct Element {
  uint8_t code, bits;
  uint16_t lanes;
};

struct Array {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  Element dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major
  uint64_t byte_offset;
};

// Version 0, whose capsules are called "dltensor".
struct Managed {
  Array array;
  void* context;
  void (*deleter)(Managed*);
};

// Version 1, "dltensor_versioned".
struct ManagedVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Array array;
};

}  // namespace papilio::python::dlpack
