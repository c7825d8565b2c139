//! Which registers a value takes by the psABI of x86-64: each 8 bytes of it have a class by what is in them.

use btc_dwarf::{Error, TypeId};

use super::shape::{Number, Shape};
use super::{MAX_DEPTH, UserTypes};

/// A value of more bytes goes through memory.
pub(super) const SMALL: u64 = 16;
/// Numbers in a value of that size, beyond which the file is taken for broken.
const MAX_NUMBERS: u32 = 1024;

/// Where a value goes if registers are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Registers for words and for floating-point numbers.
    Registers(u32, u32),
    /// Memory; as a result, registers of the floating-point unit.
    Unit,
    Memory,
    Unknown,
}

/// The class of 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Nothing,
    Integer,
    Float,
    /// The other half of a floating-point register.
    FloatUp,
    Unit,
    UnitUp,
}

/// Classes of 16 bytes.
type Classes = [Class; 2];

/// A look at all that is in a value.
struct Walk {
    numbers: u32,
    gnu: bool,
}

/// Why there are no classes.
enum Other {
    Memory,
    Unknown,
    Failed(Error),
}

impl From<Error> for Other {
    fn from(error: Error) -> Other {
        Other::Failed(error)
    }
}

impl UserTypes {
    /// Where a value goes that is passed by value, by a function that GCC made or another compiler.
    pub(super) fn classify(&self, ty: Option<TypeId>, gnu: bool) -> Result<Way, Error> {
        let alignment = match self.shape(ty)? {
            Shape::Two(Number::Extended) => return Ok(Way::Unit),
            Shape::Two(Number::Float(16)) => return Ok(Way::Memory),
            Shape::Record { size: 0, .. } => return Ok(Way::Registers(0, 0)),
            Shape::Record { size, .. } => {
                let alignment = self.alignment(ty, 0)?;
                if alignment.vector {
                    return Ok(Way::Unknown);
                }
                if size > SMALL {
                    return Ok(Way::Memory);
                }
                Some(alignment)
            }
            Shape::One(_) | Shape::Two(_) | Shape::Vector(8 | 16) => None,
            Shape::Array { .. } | Shape::Vector(_) | Shape::Unknown => return Ok(Way::Unknown),
        };
        let mut walk = Walk { numbers: 0, gnu };
        let classes = match self.classes(ty, 0, 0, &mut walk) {
            Ok(classes) => classes,
            Err(Other::Memory) => return Ok(Way::Memory),
            Err(Other::Unknown) => return Ok(Way::Unknown),
            Err(Other::Failed(error)) => return Err(error),
        };
        // Bits without a name count for some compilers. They are not told.
        if alignment.is_some_and(|a| a.odd) && classes != [Class::Integer; 2] {
            return Ok(Way::Unknown);
        }
        if classes.contains(&Class::Unit) {
            return Ok(Way::Unit);
        }
        let count = |class| classes.iter().filter(|c| **c == class).count() as u32;
        Ok(Way::Registers(count(Class::Integer), count(Class::Float)))
    }

    /// Classes of a part that begins `at` bytes into the value.
    fn classes(&self, ty: Option<TypeId>, at: u64, depth: u32, walk: &mut Walk) -> Result<Classes, Other> {
        walk.numbers += 1;
        if depth > MAX_DEPTH || walk.numbers > MAX_NUMBERS {
            return Err(Other::Unknown);
        }
        let mut classes = [Class::Nothing; 2];
        match self.shape(ty)? {
            // Versions of clang differ on these in records.
            Shape::One(Number::Float(16)) | Shape::Two(Number::Float(16)) if depth > 0 && !walk.gnu => {
                return Err(Other::Unknown);
            }
            Shape::One(number) => put(&mut classes, number, at)?,
            Shape::Two(number) => {
                put(&mut classes, number, at)?;
                put(&mut classes, number, at.saturating_add(number.size()))?;
            }
            Shape::Vector(8) if at.is_multiple_of(8) => {
                *classes.get_mut((at / 8) as usize).ok_or(Other::Unknown)? = Class::Float
            }
            Shape::Vector(16) if at == 0 => classes = [Class::Float, Class::FloatUp],
            Shape::Array { count: 0, .. } => {}
            Shape::Array { element, count, each } => {
                if each == 0 || count > SMALL {
                    return if each == 0 { Ok(classes) } else { Err(Other::Unknown) };
                }
                for n in 0..count {
                    merge(&mut classes, self.classes(element, at.saturating_add(n * each), depth + 1, walk)?)?;
                }
            }
            Shape::Record { id, .. } => {
                for member in self.info.members(id)? {
                    let part = match member.bits {
                        Some(bits) => bit_field(at.saturating_mul(8).saturating_add(member.bit_offset), bits)?,
                        None => {
                            let at = at.saturating_add(member.bit_offset / 8);
                            let part = self.classes(member.ty, at, depth + 1, walk)?;
                            // What is aligned in itself, but not as a whole, goes through memory for clang.
                            if !walk.gnu && !at.is_multiple_of(self.alignment_of_part(member.ty, depth + 1)?.most) {
                                return Err(Other::Unknown);
                            }
                            part
                        }
                    };
                    merge(&mut classes, part)?;
                }
                if classes[1] == Class::FloatUp && classes[0] != Class::Float {
                    classes[1] = Class::Float;
                }
                if classes[1] == Class::UnitUp && classes[0] != Class::Unit {
                    return Err(Other::Memory);
                }
            }
            Shape::Vector(_) | Shape::Unknown => return Err(Other::Unknown),
        }
        Ok(classes)
    }
}

fn put(classes: &mut Classes, number: Number, at: u64) -> Result<(), Other> {
    // What is not aligned goes through memory.
    if !at.is_multiple_of(number.size().next_power_of_two()) {
        return Err(Other::Memory);
    }
    let [low, high] = match number {
        Number::Word(_) => [Class::Integer, Class::Nothing],
        Number::Float(16) => [Class::Float, Class::FloatUp],
        Number::Float(_) => [Class::Float, Class::Nothing],
        Number::Wide => [Class::Integer; 2],
        Number::Extended => [Class::Unit, Class::UnitUp],
    };
    let part = match at / 8 {
        0 => [low, high],
        1 if high == Class::Nothing => [Class::Nothing, low],
        _ => return Err(Other::Unknown),
    };
    merge(classes, part)
}

/// Bits are integers wherever they are.
fn bit_field(from: u64, bits: u64) -> Result<Classes, Other> {
    let mut classes = [Class::Nothing; 2];
    if let Some(last) = bits.checked_sub(1) {
        let halves = from / 64..=from.saturating_add(last) / 64;
        if *halves.end() > 1 {
            return Err(Other::Unknown);
        }
        halves.for_each(|half| classes[half as usize] = Class::Integer);
    }
    Ok(classes)
}

fn merge(into: &mut Classes, from: Classes) -> Result<(), Other> {
    for (a, b) in into.iter_mut().zip(from) {
        *a = match (*a, b) {
            (a, b) if a == b => a,
            (Class::Nothing, other) | (other, Class::Nothing) => other,
            (Class::Integer, _) | (_, Class::Integer) => Class::Integer,
            (Class::Unit | Class::UnitUp, _) | (_, Class::Unit | Class::UnitUp) => {
                return Err(Other::Memory);
            }
            _ => Class::Float,
        };
    }
    Ok(())
}
