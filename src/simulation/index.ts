/** A swarm in virtual time. */
export {
  type Core,
  type Field,
  type NodeOptions,
  type SimulatedNode,
  Simulation,
  type SimulationOptions,
} from './simulation.ts'
