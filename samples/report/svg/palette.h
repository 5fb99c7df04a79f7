// Colours and markers of methods.
#pragma once

#include <string>
#include <vector>

namespace papilio::report {

// A method keeps one colour and one marker through the whole report. Colours are CSS variables
// with a light and a dark value; neighbours stay apart (OKLab distance 0.09 and more) under
// protanopia, deuteranopia and tritanopia, and the marker's shape says the same once more.
constexpr int kInk = -1;  // the text's own colour: base model, reference lines
constexpr int kSlots = 8;

// Slots for method names in the order given: boft (the first), boft (the second), oft, lora, probe
// and full have their own slots in every report; other names take what is left.
std::vector<int> method_slots(const std::vector<std::string>& names);

// CSS class that sets the custom property --c to a slot's colour.
std::string slot_class(int slot);

// Path data of a slot's marker centred at (x, y); r is half its size.
std::string marker_path(int slot, double x, double y, double r);

// Variables of both colour schemes and every class that the pictures use.
std::string picture_css();

}  // namespace papilio::report
